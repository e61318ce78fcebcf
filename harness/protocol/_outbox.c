/* What is asked and not answered yet, and answers that come many at a time, in C:
 * harness.protocol.outbox and harness.protocol.alike have the same in Python.
 *
 * A call is one message, one entry in a dict and one in a list; in Python the steps between them
 * cost more than they do. All that is unusual (a connection that is over, ids that start again,
 * very long arguments) is left to `slowly`, a callable that knows the rules.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdint.h>
#include <string.h>

/* Arguments up to this many bytes need no look at the limits of a message. */
#define LARGE (1 << 20)

#define LAST_ID 0xFFFFFFFFu

typedef struct {
    PyObject_HEAD
    PyObject *waiting; /* dict: request id -> who waits */
    PyObject *names;   /* dict: request id -> reducer; v1 only, else NULL */
    PyObject *queue;   /* list of messages */
    PyObject *slowly;  /* callable(name, args, waiter) -> request id */
    unsigned long long made; /* calls since somebody looked */
    uint32_t last_id;
    char plain;        /* whether calls can be made without a look at the rules */
    int version;
} Outbox;

static unsigned char *
put_u32(unsigned char *at, uint32_t number)
{
    at[0] = (unsigned char)number;
    at[1] = (unsigned char)(number >> 8);
    at[2] = (unsigned char)(number >> 16);
    at[3] = (unsigned char)(number >> 24);
    return at + 4;
}

static unsigned char *
put_bytes(unsigned char *at, const char *data, Py_ssize_t size)
{
    at = put_u32(at, (uint32_t)size);
    memcpy(at, data, (size_t)size);
    return at + size;
}

/* CallReducer of v2 is tag 3: id, flags, name, arguments; of v1 tag 0: name, arguments, id, flags. */
static PyObject *
message(Outbox *self, uint32_t id, PyObject *name, PyObject *args)
{
    Py_ssize_t name_size, args_size = PyBytes_GET_SIZE(args);
    const char *text = PyUnicode_AsUTF8AndSize(name, &name_size);
    if (text == NULL) return NULL;
    PyObject *made = PyBytes_FromStringAndSize(NULL, 1 + 4 + 1 + 4 + name_size + 4 + args_size);
    if (made == NULL) return NULL;
    unsigned char *at = (unsigned char *)PyBytes_AS_STRING(made);
    if (self->version == 2) {
        *at++ = 3;
        at = put_u32(at, id);
        *at++ = 0;
        at = put_bytes(at, text, name_size);
        put_bytes(at, PyBytes_AS_STRING(args), args_size);
    } else {
        *at++ = 0;
        at = put_bytes(at, text, name_size);
        at = put_bytes(at, PyBytes_AS_STRING(args), args_size);
        at = put_u32(at, id);
        *at = 0;
    }
    return made;
}

static PyObject *
Outbox_call(Outbox *self, PyObject *const *given, Py_ssize_t count)
{
    if (count != 3 || !PyUnicode_Check(given[0]) || !PyBytes_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "call takes a name, arguments as bytes, and a waiter");
        return NULL;
    }
    if (!self->plain || self->last_id == LAST_ID || PyBytes_GET_SIZE(given[1]) > LARGE) {
        return PyObject_Vectorcall(self->slowly, given, 3, NULL);
    }
    uint32_t id = self->last_id + 1;
    PyObject *key = PyLong_FromUnsignedLong(id);
    if (key == NULL) return NULL;
    PyObject *made = message(self, id, given[0], given[1]);
    if (made == NULL) goto failed;
    if (PyList_Append(self->queue, made) < 0) goto failed;
    /* From here on it will be sent: without an entry its answer would be nobody's. */
    if (PyDict_SetItem(self->waiting, key, given[2]) < 0
        || (self->names != NULL && PyDict_SetItem(self->names, key, given[0]) < 0)) {
        PyList_SetSlice(self->queue, PyList_GET_SIZE(self->queue) - 1,
                        PyList_GET_SIZE(self->queue), NULL);
        goto failed;
    }
    self->last_id = id;
    self->made++;
    Py_DECREF(made);
    return key;
failed:
    Py_XDECREF(made);
    Py_DECREF(key);
    return NULL;
}

static PyObject *
Outbox_say(Outbox *self, PyObject *said)
{
    if (!PyBytes_Check(said)) {
        PyErr_SetString(PyExc_TypeError, "a message is bytes");
        return NULL;
    }
    if (PyList_Append(self->queue, said) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *
Outbox_take(Outbox *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *fresh = PyList_New(0);
    if (fresh == NULL) return NULL;
    PyObject *queue = self->queue;
    self->queue = fresh;
    return queue;
}

/* The waiters of these ids, in order, which wait no longer; None if an id is unknown or repeated,
 * and then nothing is done. */
static PyObject *
Outbox_answered(Outbox *self, PyObject *ids)
{
    if (!PyList_Check(ids)) {
        PyErr_SetString(PyExc_TypeError, "ids are a list");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(ids), at;
    PyObject *waiters = PyList_New(count);
    if (waiters == NULL) return NULL;
    for (at = 0; at < count; at++) {
        PyObject *id = PyList_GET_ITEM(ids, at);
        PyObject *waiter = PyLong_CheckExact(id) ? PyDict_GetItemWithError(self->waiting, id) : NULL;
        if (waiter == NULL) break;
        PyList_SET_ITEM(waiters, at, Py_NewRef(waiter));
        if (PyDict_DelItem(self->waiting, id) < 0) break;
    }
    if (at == count && !PyErr_Occurred()) return waiters;
    if (PyErr_Occurred()) {
        Py_DECREF(waiters);
        return NULL;
    }
    while (at-- > 0) {
        PyObject *id = PyList_GET_ITEM(ids, at);
        if (PyDict_SetItem(self->waiting, id, PyList_GET_ITEM(waiters, at)) < 0) {
            Py_DECREF(waiters);
            return NULL;
        }
    }
    Py_DECREF(waiters);
    Py_RETURN_NONE;
}

/* A number of four bytes; -1 if there are not that many. */
static Py_ssize_t
get_u32(const unsigned char *data, Py_ssize_t size, Py_ssize_t at)
{
    if (at > size - 4) return -1;
    return (Py_ssize_t)(data[at] | (uint32_t)data[at + 1] << 8 | (uint32_t)data[at + 2] << 16
                        | (uint32_t)data[at + 3] << 24);
}

/* TransactionUpdate of v1, uncompressed, committed and without rows: compression, tag, status, no
 * tables; then time, identity, connection; name, reducer id, arguments, request id; energy and
 * duration. Anything else is None, and then nothing is done. */
static PyObject *
Outbox_committed(Outbox *self, PyObject *const *given, Py_ssize_t count)
{
    static const unsigned char START[] = {0, 1, 0, 0, 0, 0, 0};
    const Py_ssize_t time_at = 7, connection_at = 47, name_at = 63, rest = 4 + 16 + 8;
    if (count != 2 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1])
        || PyBytes_GET_SIZE(given[1]) != 16) {
        PyErr_SetString(PyExc_TypeError, "committed takes a payload and a connection id");
        return NULL;
    }
    const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(given[0]);
    Py_ssize_t size = PyBytes_GET_SIZE(given[0]);
    if (self->names == NULL || size < name_at + 4 || memcmp(data, START, sizeof START)
        || memcmp(data + connection_at, PyBytes_AS_STRING(given[1]), 16)) {
        Py_RETURN_NONE;
    }
    Py_ssize_t name_size = get_u32(data, size, name_at), args_at = name_at + 4 + name_size + 4;
    if (args_at > size) Py_RETURN_NONE;
    Py_ssize_t args_size = get_u32(data, size, args_at), id_at = args_at + 4 + args_size;
    if (args_size < 0 || id_at != size - rest) Py_RETURN_NONE;
    PyObject *id = PyLong_FromUnsignedLong((unsigned long)get_u32(data, size, id_at));
    if (id == NULL) return NULL;
    PyObject *name = PyDict_GetItemWithError(self->names, id), *found = NULL;
    PyObject *waiter = name == NULL ? NULL : PyDict_GetItemWithError(self->waiting, id);
    if (waiter == NULL) {
        if (!PyErr_Occurred()) found = Py_NewRef(Py_None);
        goto done;
    }
    Py_ssize_t known_size;
    const char *known = PyUnicode_AsUTF8AndSize(name, &known_size);
    if (known == NULL) goto done;
    if (known_size != name_size || memcmp(known, data + name_at + 4, (size_t)name_size)) {
        found = Py_NewRef(Py_None);
        goto done;
    }
    PyObject *time = PyBytes_FromStringAndSize((const char *)data + time_at, 8);
    if (time == NULL) goto done;
    found = PyTuple_Pack(2, waiter, time);
    Py_DECREF(time);
    if (found != NULL
        && (PyDict_DelItem(self->waiting, id) < 0 || PyDict_DelItem(self->names, id) < 0)) {
        Py_CLEAR(found);
    }
done:
    Py_DECREF(id);
    return found;
}

/* columns(payload, start, size, row_at, row_size): see harness.protocol.alike. */
static PyObject *
columns(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer payload;
    Py_ssize_t start, size, row_at, row_size;
    if (!PyArg_ParseTuple(args, "y*nnnn", &payload, &start, &size, &row_at, &row_size)) return NULL;
    PyObject *ids = NULL, *times = NULL, *rows = NULL, *found = NULL;
    const Py_ssize_t head = 13; /* tag, id, time */
    if (start < 0 || start > payload.len || size < head || row_at < head || row_size < 0
        || row_at > size || row_size > size - row_at || (payload.len - start) % size) {
        PyErr_SetString(PyExc_ValueError, "these are no messages of one size");
        goto done;
    }
    Py_ssize_t count = (payload.len - start) / size, tail = row_at + row_size;
    const unsigned char *first = (const unsigned char *)payload.buf + start, *at = first;
    for (Py_ssize_t k = 1; k < count; k++) {
        at += size;
        if (at[0] != first[0] || memcmp(at + head, first + head, (size_t)(row_at - head))
            || memcmp(at + tail, first + tail, (size_t)(size - tail))) {
            found = Py_NewRef(Py_None);
            goto done;
        }
    }
    ids = PyList_New(count);
    times = PyBytes_FromStringAndSize(NULL, 8 * count);
    rows = PyBytes_FromStringAndSize(NULL, row_size * count);
    if (ids == NULL || times == NULL || rows == NULL) goto done;
    char *time = PyBytes_AS_STRING(times), *row = PyBytes_AS_STRING(rows);
    at = first;
    for (Py_ssize_t k = 0; k < count; k++, at += size, time += 8, row += row_size) {
        uint32_t id = at[1] | (uint32_t)at[2] << 8 | (uint32_t)at[3] << 16 | (uint32_t)at[4] << 24;
        PyObject *number = PyLong_FromUnsignedLong(id);
        if (number == NULL) goto done;
        PyList_SET_ITEM(ids, k, number);
        memcpy(time, at + 5, 8);
        memcpy(row, at + row_at, (size_t)row_size);
    }
    found = PyTuple_Pack(3, ids, times, rows);
done:
    PyBuffer_Release(&payload);
    Py_XDECREF(ids);
    Py_XDECREF(times);
    Py_XDECREF(rows);
    return found;
}

static PyObject *
Outbox_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"version", "slowly", NULL};
    int version;
    PyObject *slowly;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "iO", names, &version, &slowly)) return NULL;
    if (version != 1 && version != 2) {
        PyErr_SetString(PyExc_ValueError, "the version is 1 or 2");
        return NULL;
    }
    Outbox *self = (Outbox *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->version = version;
    self->plain = 1;
    self->slowly = Py_NewRef(slowly);
    self->waiting = PyDict_New();
    self->queue = PyList_New(0);
    self->names = version == 1 ? PyDict_New() : NULL;
    if (self->waiting == NULL || self->queue == NULL || (version == 1 && self->names == NULL)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
Outbox_traverse(Outbox *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->waiting);
    Py_VISIT(self->names);
    Py_VISIT(self->queue);
    Py_VISIT(self->slowly);
    return 0;
}

static int
Outbox_clear(Outbox *self)
{
    Py_CLEAR(self->slowly);
    /* The others hold no way back to here but through waiters, which their owners let go of. */
    if (self->waiting != NULL) PyDict_Clear(self->waiting);
    return 0;
}

static void
Outbox_dealloc(Outbox *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->slowly);
    Py_XDECREF(self->waiting);
    Py_XDECREF(self->names);
    Py_XDECREF(self->queue);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
Outbox_get_names(Outbox *self, void *Py_UNUSED(closure))
{
    if (self->names == NULL) return PyDict_New();
    return Py_NewRef(self->names);
}

static PyMemberDef Outbox_members[] = {
    {"waiting", T_OBJECT_EX, offsetof(Outbox, waiting), READONLY, "Request id -> who waits."},
    {"queue", T_OBJECT_EX, offsetof(Outbox, queue), READONLY, "Messages to be sent."},
    {"made", T_ULONGLONG, offsetof(Outbox, made), 0, "Calls since it was set to 0."},
    {"last_id", T_UINT, offsetof(Outbox, last_id), 0, "The newest request id."},
    {"plain", T_BOOL, offsetof(Outbox, plain), 0, "Whether no rule needs a look."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef Outbox_getset[] = {
    {"names", (getter)Outbox_get_names, NULL, "Request id -> reducer, for v1.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef Outbox_methods[] = {
    {"call", (PyCFunction)(void (*)(void))Outbox_call, METH_FASTCALL,
     "call(name, args, waiter, /)\n--\n\nQueue a call; its request id."},
    {"say", (PyCFunction)Outbox_say, METH_O, "say(message, /)\n--\n\nQueue a message."},
    {"take", (PyCFunction)Outbox_take, METH_NOARGS, "take()\n--\n\nWhat was queued."},
    {"committed", (PyCFunction)(void (*)(void))Outbox_committed, METH_FASTCALL,
     "committed(payload, connection_id, /)\n--\n\nWho waits for a plain answer of v1, and when it "
     "was; None if it is none."},
    {"answered", (PyCFunction)Outbox_answered, METH_O,
     "answered(ids, /)\n--\n\nThe waiters of these calls; None if one of them is nobody's."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot Outbox_slots[] = {
    {Py_tp_new, Outbox_new},
    {Py_tp_dealloc, Outbox_dealloc},
    {Py_tp_traverse, Outbox_traverse},
    {Py_tp_clear, Outbox_clear},
    {Py_tp_members, Outbox_members},
    {Py_tp_getset, Outbox_getset},
    {Py_tp_methods, Outbox_methods},
    {Py_tp_doc, "What is asked and not answered yet; see harness.protocol.outbox."},
    {0, NULL},
};

static PyType_Spec Outbox_spec = {
    .name = "harness.protocol._outbox.Outbox",
    .basicsize = sizeof(Outbox),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = Outbox_slots,
};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &Outbox_spec, NULL);
    if (type == NULL) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static PyMethodDef module_methods[] = {
    {"columns", columns, METH_VARARGS,
     "columns(payload, start, size, row_at, row_size, /)\n--\n\nIds, times and rows of messages "
     "that are alike in all else; None if they are not."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "harness.protocol._outbox",
    .m_doc = "Calls on their way, in C; harness.protocol.outbox has the same in Python.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__outbox(void)
{
    return PyModuleDef_Init(&module_def);
}
