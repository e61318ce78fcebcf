/* The codec in C: runs the programs of harness.wire.program.
 *
 * Theory of operation. A program becomes an array of nodes once, when a Codec is made. Reading and
 * writing walk those nodes. Values of fixed width ("leaves") that stand side by side in a struct
 * are one run: its bounds are checked once, then each leaf is read or written unchecked. Where a
 * class keeps its fields in slots, they are loaded and stored at their offsets, which is what
 * msgspec does itself; classes that do more than store their arguments are called instead.
 *
 * What holds throughout:
 *  - Any bytes give a value or DecodeError: each read is checked against `end`, nesting is bounded
 *    by DEPTH_LIMIT, elements without bytes by a budget, and a list never reserves more than
 *    RESERVE places before its elements have been read.
 *  - Objects under construction are complete enough for the collector at any time.
 *  - Whatever may run foreign code (attribute access, repr, hashing) happens while we own a
 *    reference to the value at hand, and sizes are read again afterwards.
 *
 * harness.wire.pycodec is the same in Python; every message and offset here is one of there.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdint.h>
#include <string.h>

/* Bytes that a writer reserves for values to come, at the most; beyond them it grows as it must. */
#define AHEAD ((Py_ssize_t)1 << 20)
/* Places that a list reserves on the word of a count alone. */
#define RESERVE 4096

/* Fields that a constructor call keeps on the stack. */
#define STACK_FIELDS 16

#define SHOWN_LENGTH 60

typedef enum {
    OP_BOOL, OP_INT, OP_FLOAT, OP_FIXED, OP_UUID, OP_ENUM, /* leaves: fixed width */
    OP_STRING, OP_BYTES, OP_ARRAY, OP_STRUCT, OP_SUM, OP_TAGGED, OP_OPTION,
} Op;

static const char *const OP_NAMES[] = {
    "bool", "int", "float", "fixed", "uuid", "enum",
    "string", "bytes", "array", "struct", "sum", "tagged", "option",
};

typedef struct Node Node;

typedef struct {
    const Node *node;
    Py_ssize_t slot; /* where in an instance, if the class of the struct has slots */
    Py_ssize_t run;  /* bytes of the leaves from here on, at the first of them; else 0 */
} Field;

struct Node {
    Op op;
    Py_ssize_t width;   /* bytes of a leaf, else 0 */
    int is_atom;        /* its values are nothing to the collector */
    int is_signed;      /* int */
    int wrapped;        /* option */
    int slots;          /* struct: instances can be read at their slots */
    int direct;         /* struct: instances can be made by storing into their slots */
    int untrack;        /* struct: the collector need not see instances that hold only atoms */
    Py_ssize_t least;   /* array: fewest bytes of an element */
    Py_ssize_t count;   /* fields, variants or members */
    Field *fields;      /* struct: fields; sum, tagged: variants; array, option: the one inside */
    PyObject *class_;   /* struct: borrowed from the program, or NULL */
    PyObject *names;    /* struct, tagged: borrowed; enum: the members */
    PyObject *places;   /* enum: member -> tag, sum: class -> tag; owned */
    PyObject *keywords; /* struct: owned, if its class has to be called with keywords */
};

typedef struct {
    PyObject *decode_error, *encode_error;
    PyObject *uuid_class, *uuid_safety, *some_class, *tagged_class;
    PyObject *is_plain, *str_int, *str_value, *str_tag, *str_name, *str_path;
    Py_ssize_t uuid_int_slot, uuid_safety_slot; /* 0: make UUIDs by calling the class */
    Py_ssize_t some_slot, tagged_slots[3];      /* likewise */
    Py_ssize_t free_elements;
    int depth_limit;
    PyTypeObject *codec_type;
} State;

typedef struct {
    PyObject_HEAD
    PyObject *program;
    Node *nodes;
    Py_ssize_t count;
    State *state;
} Codec;

typedef struct {
    State *state;
    const unsigned char *base, *cur, *end;
    Py_ssize_t free; /* elements without bytes that may still be read */
} Reader;

typedef struct {
    State *state;
    unsigned char *buf;
    Py_ssize_t len, cap;
    unsigned char small[512];
} Writer;

/* --- errors ---------------------------------------------------------------------------------- */

/* Raises DecodeError(message, offset); steals nothing, returns NULL for the caller to return. */
static void *
decode_error(Reader *r, Py_ssize_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PyObject *message = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    if (message == NULL) return NULL;
    PyObject *error =
        PyObject_CallFunction(r->state->decode_error, "Nn", message, offset);
    if (error != NULL) {
        PyErr_SetObject(r->state->decode_error, error);
        Py_DECREF(error);
    }
    return NULL;
}

static void *
short_read(Reader *r, Py_ssize_t size)
{
    return decode_error(r, r->cur - r->base, "stream ends after %zd bytes, expected %zd,",
                        (Py_ssize_t)(r->end - r->cur), size);
}

static void *
too_deep_to_read(Reader *r, const unsigned char *at)
{
    return decode_error(r, at - r->base, "values are nested deeper than %d",
                        r->state->depth_limit);
}

static int
encode_error(State *state, PyObject *message)
{
    if (message == NULL) return -1;
    PyObject *error = PyObject_CallOneArg(state->encode_error, message);
    Py_DECREF(message);
    if (error != NULL) {
        PyErr_SetObject(state->encode_error, error);
        Py_DECREF(error);
    }
    return -1;
}

/* Raises EncodeError("expected <expected>, got <value>"), the value's repr cut short. */
static int
refuse(Writer *w, PyObject *value, const char *format, ...)
{
    Py_INCREF(value);
    va_list arguments;
    va_start(arguments, format);
    PyObject *expected = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    PyObject *shown = expected == NULL ? NULL : PyObject_Repr(value);
    if (shown == NULL && expected != NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear(); /* a number of too many digits, or a class whose repr is broken */
        shown = PyBaseObject_Type.tp_repr(value);
    }
    Py_DECREF(value);
    if (shown == NULL) {
        Py_XDECREF(expected);
        return -1;
    }
    PyObject *message;
    if (PyUnicode_GET_LENGTH(shown) > SHOWN_LENGTH) {
        PyObject *start = PyUnicode_Substring(shown, 0, SHOWN_LENGTH - 3);
        message = start == NULL
            ? NULL : PyUnicode_FromFormat("expected %U, got %U...", expected, start);
        Py_XDECREF(start);
    }
    else {
        message = PyUnicode_FromFormat("expected %U, got %U", expected, shown);
    }
    Py_DECREF(expected);
    Py_DECREF(shown);
    return encode_error(w->state, message);
}

static int
too_deep_to_write(Writer *w)
{
    return encode_error(w->state, PyUnicode_FromFormat("values are nested deeper than %d",
                                                       w->state->depth_limit));
}

/* An EncodeError from inside gets the path Class.field, if it has none yet. */
static void
add_path(Writer *w, const Node *n, Py_ssize_t index)
{
    if (n->class_ == NULL || !PyErr_ExceptionMatches(w->state->encode_error)) return;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *path = error == NULL ? NULL : PyObject_GetAttr(error, w->state->str_path);
    int known = path == NULL ? -1 : PyObject_IsTrue(path);
    Py_XDECREF(path);
    if (known != 0) {
        PyErr_Clear();
        PyErr_Restore(type, error, traceback);
        return;
    }
    PyObject *text = PyObject_Str(error);
    PyObject *name = PyObject_GetAttrString(n->class_, "__name__");
    PyObject *place = text == NULL || name == NULL
        ? NULL : PyUnicode_FromFormat("%S.%U", name, PyTuple_GET_ITEM(n->names, index));
    PyObject *raised = place == NULL
        ? NULL : PyObject_CallFunctionObjArgs(w->state->encode_error, text, place, NULL);
    if (raised != NULL) PyErr_SetObject(w->state->encode_error, raised);
    Py_XDECREF(raised);
    Py_XDECREF(place);
    Py_XDECREF(name);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

/* --- numbers --------------------------------------------------------------------------------- */

/* Little-endian loads and stores; compilers make one instruction of each where that is right. */
static inline uint32_t
load32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t
load64(const unsigned char *p)
{
    return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32;
}

static inline void
store(unsigned char *p, uint64_t number, Py_ssize_t width)
{
    switch (width) {
    case 8:
        p[7] = (unsigned char)(number >> 56);
        p[6] = (unsigned char)(number >> 48);
        p[5] = (unsigned char)(number >> 40);
        p[4] = (unsigned char)(number >> 32);
        /* fall through */
    case 4:
        p[3] = (unsigned char)(number >> 24);
        p[2] = (unsigned char)(number >> 16);
        /* fall through */
    case 2:
        p[1] = (unsigned char)(number >> 8);
        /* fall through */
    default:
        p[0] = (unsigned char)number;
    }
}

static PyObject *
read_int(const unsigned char *p, Py_ssize_t width, int is_signed)
{
    switch (width) {
    case 1:
        return PyLong_FromLong(is_signed ? (long)(int8_t)p[0] : (long)p[0]);
    case 2: {
        uint16_t number = (uint16_t)(p[0] | p[1] << 8);
        return PyLong_FromLong(is_signed ? (long)(int16_t)number : (long)number);
    }
    case 4: {
        uint32_t number = load32(p);
        return is_signed ? PyLong_FromLong((long)(int32_t)number)
                         : PyLong_FromLongLong((long long)number);
    }
    case 8: {
        uint64_t number = load64(p);
        return is_signed ? PyLong_FromLongLong((long long)(int64_t)number)
                         : PyLong_FromUnsignedLongLong((unsigned long long)number);
    }
    default:
        return _PyLong_FromByteArray(p, (size_t)width, 1, is_signed);
    }
}

/* A number of one digit, which is most of them, without a call. */
static inline int
small_int(PyObject *value, int64_t *number)
{
    PyLongObject *object = (PyLongObject *)value;
#if PY_VERSION_HEX >= 0x030C0000
    if (!PyUnstable_Long_IsCompact(object)) return 0;
    *number = PyUnstable_Long_CompactValue(object);
    return 1;
#else
    Py_ssize_t size = Py_SIZE(object);
    if (size < -1 || size > 1) return 0;
    *number = size == 0 ? 0 : (int64_t)size * (int64_t)object->ob_digit[0];
    return 1;
#endif
}

/* -1 without an exception if the number does not fit. */
static int
wide_int(PyObject *value, unsigned char *p, Py_ssize_t width, int is_signed)
{
#if PY_VERSION_HEX >= 0x030D0000
    return _PyLong_AsByteArray((PyLongObject *)value, p, (size_t)width, 1, is_signed, 0);
#else
    if (_PyLong_AsByteArray((PyLongObject *)value, p, (size_t)width, 1, is_signed) == 0) return 0;
    PyErr_Clear();
    return -1;
#endif
}

/* Whether `number` lies in the type's range; for widths up to 8 bytes. */
static inline int
in_range(int64_t number, Py_ssize_t width, int is_signed)
{
    if (!is_signed) {
        if (number < 0) return 0;
        return width == 8 || (uint64_t)number >> (8 * width) == 0;
    }
    if (width == 8) return 1;
    int64_t half = (int64_t)1 << (8 * width - 1);
    return number >= -half && number < half;
}

static int
write_int(Writer *w, const Node *n, PyObject *value)
{
    if (!PyLong_CheckExact(value) && (!PyLong_Check(value) || PyBool_Check(value))) goto refused;
    unsigned char *p = w->buf + w->len;
    int64_t number;
    if (small_int(value, &number)) {
        if (n->width <= 8) {
            if (!in_range(number, n->width, n->is_signed)) goto refused;
            store(p, (uint64_t)number, n->width);
        }
        else {
            if (number < 0 && !n->is_signed) goto refused;
            store(p, (uint64_t)number, 8);
            memset(p + 8, number < 0 ? 0xff : 0, (size_t)(n->width - 8));
        }
    }
    else if (wide_int(value, p, n->width, n->is_signed) < 0) {
        goto refused;
    }
    w->len += n->width;
    return 0;
refused:
    return refuse(w, value, "%c%zd", n->is_signed ? 'i' : 'u', n->width * 8);
}

static PyObject *
read_float(const unsigned char *p, Py_ssize_t width)
{
    if (width == 4) {
        uint32_t bits = load32(p);
        float number;
        memcpy(&number, &bits, 4);
        return PyFloat_FromDouble((double)number);
    }
    uint64_t bits = load64(p);
    double number;
    memcpy(&number, &bits, 8);
    return PyFloat_FromDouble(number);
}

static int
write_float(Writer *w, const Node *n, PyObject *value)
{
    double number;
    if (PyFloat_Check(value)) {
        number = PyFloat_AS_DOUBLE(value);
    }
    else if (PyLong_Check(value) && !PyBool_Check(value)) {
        number = PyLong_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            goto refused;
        }
    }
    else {
        goto refused;
    }
    if (n->width == 4) {
        float narrow = (float)number;
        if (Py_IS_INFINITY(narrow) && !Py_IS_INFINITY(number)) goto refused;
        uint32_t bits;
        memcpy(&bits, &narrow, 4);
        store(w->buf + w->len, bits, 4);
    }
    else {
        uint64_t bits;
        memcpy(&bits, &number, 8);
        store(w->buf + w->len, bits, 8);
    }
    w->len += n->width;
    return 0;
refused:
    return refuse(w, value, "f%zd", n->width * 8);
}

/* --- instances by their slots ---------------------------------------------------------------- */

/* The offset of a field that is a plain slot of the class, else 0. */
static Py_ssize_t
slot_of(PyObject *class_, PyObject *name)
{
    PyTypeObject *type = (PyTypeObject *)class_;
    PyObject *descriptor = PyObject_GetAttr(class_, name);
    if (descriptor == NULL) {
        PyErr_Clear();
        return 0;
    }
    Py_ssize_t offset = 0;
    if (Py_TYPE(descriptor) == &PyMemberDescr_Type) {
        PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        PyTypeObject *owner = ((PyMemberDescrObject *)descriptor)->d_common.d_type;
        if (member->type == T_OBJECT_EX && PyType_IsSubtype(type, owner)
            && member->offset >= (Py_ssize_t)sizeof(PyObject)
            && member->offset + (Py_ssize_t)sizeof(PyObject *) <= type->tp_basicsize) {
            offset = member->offset;
        }
    }
    Py_DECREF(descriptor);
    return offset;
}

static inline PyObject **
slot(PyObject *object, Py_ssize_t offset)
{
    return (PyObject **)((char *)object + offset);
}

/* Whether storing into a fresh allocation is safe: nothing runs at birth or at an early death. */
static int
is_allocatable(PyObject *class_)
{
    PyTypeObject *type = (PyTypeObject *)class_;
    return type->tp_alloc == PyType_GenericAlloc && type->tp_itemsize == 0
        && type->tp_finalize == NULL && type->tp_del == NULL
        && !(type->tp_flags & Py_TPFLAGS_IS_ABSTRACT);
}

static inline PyObject *
allocate(PyObject *class_)
{
    return PyType_GenericAlloc((PyTypeObject *)class_, 0);
}

/* msgspec's own rule for what an untracked struct may hold. */
static inline int
is_tracked(PyObject *value)
{
    return PyObject_IS_GC(value) && (!PyTuple_CheckExact(value) || PyObject_GC_IsTracked(value));
}

static PyObject *
make_uuid(State *state, PyObject *number)
{
    PyObject *made;
    if (number == NULL) return NULL;
    if (state->uuid_int_slot == 0) {
        PyObject *arguments[] = {number};
        PyObject *keywords = PyTuple_Pack(1, state->str_int);
        made = keywords == NULL
            ? NULL : PyObject_Vectorcall(state->uuid_class, arguments, 0, keywords);
        Py_XDECREF(keywords);
        Py_DECREF(number);
        return made;
    }
    made = allocate(state->uuid_class);
    if (made == NULL) {
        Py_DECREF(number);
        return NULL;
    }
    *slot(made, state->uuid_int_slot) = number;
    *slot(made, state->uuid_safety_slot) = Py_NewRef(state->uuid_safety);
    return made;
}

/* Some(value); takes over the reference to the value. */
static PyObject *
make_some(State *state, PyObject *value)
{
    PyObject *made;
    if (state->some_slot == 0) {
        made = PyObject_CallOneArg(state->some_class, value);
        Py_DECREF(value);
        return made;
    }
    made = allocate(state->some_class);
    if (made == NULL) {
        Py_DECREF(value);
        return NULL;
    }
    *slot(made, state->some_slot) = value;
    if (!is_tracked(value)) PyObject_GC_UnTrack(made);
    return made;
}

/* Tagged(tag, name, value); takes over the reference to the value. */
static PyObject *
make_tagged(State *state, Py_ssize_t tag, PyObject *name, PyObject *value)
{
    PyObject *number = PyLong_FromSsize_t(tag);
    PyObject *made = NULL;
    if (number == NULL) {
        Py_DECREF(value);
        return NULL;
    }
    if (state->tagged_slots[0] == 0) {
        made = PyObject_CallFunctionObjArgs(state->tagged_class, number, name, value, NULL);
    }
    else {
        made = allocate(state->tagged_class);
    }
    if (made == NULL || state->tagged_slots[0] == 0) {
        Py_DECREF(number);
        Py_DECREF(value);
        return made;
    }
    *slot(made, state->tagged_slots[0]) = number;
    *slot(made, state->tagged_slots[1]) = Py_NewRef(name);
    *slot(made, state->tagged_slots[2]) = value;
    if (!is_tracked(value)) PyObject_GC_UnTrack(made);
    return made;
}

/* --- reading --------------------------------------------------------------------------------- */

/* A sum's tag, below `count`; -1 with an exception. */
static Py_ssize_t
read_tag(Reader *r, Py_ssize_t count)
{
    if (r->cur == r->end) {
        short_read(r, 1);
        return -1;
    }
    Py_ssize_t tag = *r->cur;
    if (tag >= count) {
        decode_error(r, r->cur - r->base, "tag %zd is outside the %zd variants", tag, count);
        return -1;
    }
    r->cur++;
    return tag;
}

/* A leaf whose bytes are known to be there. */
static inline PyObject *
read_leaf(Reader *r, const Node *n)
{
    const unsigned char *p = r->cur;
    switch (n->op) {
    case OP_INT:
        r->cur += n->width;
        return read_int(p, n->width, n->is_signed);
    case OP_FLOAT:
        r->cur += n->width;
        return read_float(p, n->width);
    case OP_BOOL:
        if (*p > 1) {
            return decode_error(r, p - r->base, "a bool is 0 or 1, not %d,", (int)*p);
        }
        r->cur++;
        return Py_NewRef(*p ? Py_True : Py_False);
    case OP_FIXED:
        r->cur += n->width;
        return PyBytes_FromStringAndSize((const char *)p, n->width);
    case OP_UUID:
        r->cur += n->width;
        return make_uuid(r->state, _PyLong_FromByteArray(p, 16, 1, 0));
    default: { /* OP_ENUM */
        Py_ssize_t tag = read_tag(r, n->count);
        return tag < 0 ? NULL : Py_NewRef(PyTuple_GET_ITEM(n->names, tag));
    }
    }
}

/* The u32 length and so many bytes after it; NULL with an exception. */
static const unsigned char *
read_block(Reader *r, Py_ssize_t *size)
{
    if (r->end - r->cur < 4) return short_read(r, 4);
    uint32_t length = load32(r->cur);
    r->cur += 4;
    if ((uint64_t)(r->end - r->cur) < length) return short_read(r, (Py_ssize_t)length);
    const unsigned char *p = r->cur;
    r->cur += length;
    *size = (Py_ssize_t)length;
    return p;
}

static PyObject *
not_utf8(Reader *r, const unsigned char *p)
{
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return NULL;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    Py_ssize_t start = 0;
    if (error == NULL || PyUnicodeDecodeError_GetStart(error, &start) < 0) PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return decode_error(r, p - r->base + start, "a string is not UTF-8");
}

static inline PyObject *
read_string(Reader *r)
{
    Py_ssize_t size;
    const unsigned char *p = read_block(r, &size);
    if (p == NULL) return NULL;
    PyObject *text = PyUnicode_DecodeUTF8((const char *)p, size, NULL);
    return text != NULL ? text : not_utf8(r, p);
}

static PyObject *read_node(Reader *r, const Node *n, int depth);

/* Whether an array may have so many elements: 0, or -1 with an exception. */
static int
check_count(Reader *r, const Node *n, uint32_t count, const unsigned char *start)
{
    Py_ssize_t left = r->end - r->cur;
    if (n->least == 0) {
        r->free -= (Py_ssize_t)count;
        if (r->free >= 0) return 0;
        decode_error(r, start - r->base, "an array claims %zd elements without bytes",
                     (Py_ssize_t)count);
        return -1;
    }
    if ((Py_ssize_t)count <= left / n->least) return 0;
    decode_error(r, start - r->base,
                 "an array claims %zd elements of at least %zd bytes where %zd bytes are left",
                 (Py_ssize_t)count, n->least, left);
    return -1;
}

static PyObject *
read_array(Reader *r, const Node *n, int depth)
{
    const unsigned char *start = r->cur;
    if (r->end - r->cur < 4) return short_read(r, 4);
    uint32_t count = load32(r->cur);
    r->cur += 4;
    if (check_count(r, n, count, start) < 0) return NULL;
    if (depth >= r->state->depth_limit) return too_deep_to_read(r, start);
    const Node *element = n->fields[0].node;
    uint32_t reserved = count < RESERVE ? count : RESERVE;
    PyObject *list = PyList_New((Py_ssize_t)reserved);
    if (list == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        PyObject *item = read_node(r, element, depth + 1);
        if (item == NULL) goto failed;
        if (i < reserved) {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
            continue;
        }
        int status = PyList_Append(list, item);
        Py_DECREF(item);
        if (status < 0) goto failed;
    }
    return list;
failed:
    Py_DECREF(list);
    return NULL;
}

/* The next field of a struct. `checked` says that the bytes of the current run are there. */
static inline PyObject *
read_field(Reader *r, const Field *field, int depth, int *checked)
{
    const Node *n = field->node;
    if (field->run) *checked = r->end - r->cur >= field->run;
    if (n->width && *checked) return read_leaf(r, n);
    return read_node(r, n, depth + 1);
}

static PyObject *
read_direct(Reader *r, const Node *n, int depth)
{
    PyObject *self = allocate(n->class_);
    if (self == NULL) return NULL;
    int checked = 0, untrack = n->untrack;
    for (Py_ssize_t i = 0; i < n->count; i++) {
        const Field *field = &n->fields[i];
        PyObject *item = read_field(r, field, depth, &checked);
        if (item == NULL) {
            Py_DECREF(self);
            return NULL;
        }
        *slot(self, field->slot) = item;
        if (untrack && !field->node->is_atom) untrack = !is_tracked(item);
    }
    if (untrack) PyObject_GC_UnTrack(self);
    return self;
}

static PyObject *
read_tuple(Reader *r, const Node *n, int depth)
{
    PyObject *self = PyTuple_New(n->count);
    if (self == NULL) return NULL;
    int checked = 0;
    for (Py_ssize_t i = 0; i < n->count; i++) {
        PyObject *item = read_field(r, &n->fields[i], depth, &checked);
        if (item == NULL) {
            Py_DECREF(self);
            return NULL;
        }
        PyTuple_SET_ITEM(self, i, item);
    }
    return self;
}

/* An instance of a class that must be called. */
static PyObject *
read_by_call(Reader *r, const Node *n, int depth)
{
    PyObject *few[STACK_FIELDS];
    PyObject **items = few;
    if (n->count > STACK_FIELDS) {
        items = PyMem_New(PyObject *, n->count);
        if (items == NULL) return PyErr_NoMemory();
    }
    PyObject *made = NULL;
    Py_ssize_t i;
    int checked = 0;
    for (i = 0; i < n->count; i++) {
        items[i] = read_field(r, &n->fields[i], depth, &checked);
        if (items[i] == NULL) break;
    }
    if (i == n->count) {
        size_t positional = n->keywords == NULL ? (size_t)n->count : 0;
        made = PyObject_Vectorcall(n->class_, items, positional, n->keywords);
    }
    while (i > 0) Py_DECREF(items[--i]);
    if (items != few) PyMem_Free(items);
    return made;
}

static PyObject *
read_struct(Reader *r, const Node *n, int depth)
{
    if (depth >= r->state->depth_limit) return too_deep_to_read(r, r->cur);
    if (n->direct) return read_direct(r, n, depth);
    if (n->class_ == NULL) return read_tuple(r, n, depth);
    return read_by_call(r, n, depth);
}

static PyObject *
read_node(Reader *r, const Node *n, int depth)
{
    Py_ssize_t tag;
    PyObject *value;
    if (n->width) {
        if (r->end - r->cur < n->width) return short_read(r, n->width);
        return read_leaf(r, n);
    }
    switch (n->op) {
    case OP_STRING:
        return read_string(r);
    case OP_BYTES: {
        Py_ssize_t size;
        const unsigned char *p = read_block(r, &size);
        return p == NULL ? NULL : PyBytes_FromStringAndSize((const char *)p, size);
    }
    case OP_ARRAY:
        return read_array(r, n, depth);
    case OP_STRUCT:
        return read_struct(r, n, depth);
    case OP_SUM:
        tag = read_tag(r, n->count);
        return tag < 0 ? NULL : read_struct(r, n->fields[tag].node, depth);
    case OP_TAGGED:
        if (depth >= r->state->depth_limit) return too_deep_to_read(r, r->cur);
        tag = read_tag(r, n->count);
        if (tag < 0) return NULL;
        value = read_node(r, n->fields[tag].node, depth + 1);
        if (value == NULL) return NULL;
        return make_tagged(r->state, tag, PyTuple_GET_ITEM(n->names, tag), value);
    default: /* OP_OPTION */
        if (depth >= r->state->depth_limit) return too_deep_to_read(r, r->cur);
        tag = read_tag(r, 2);
        if (tag < 0) return NULL;
        if (tag == 1) return Py_NewRef(Py_None);
        value = read_node(r, n->fields[0].node, depth + 1);
        return value == NULL || !n->wrapped ? value : make_some(r->state, value);
    }
}

/* --- writing --------------------------------------------------------------------------------- */

static void
start_writing(Writer *w, State *state)
{
    w->state = state;
    w->buf = w->small;
    w->len = 0;
    w->cap = (Py_ssize_t)sizeof w->small;
}

static void
end_writing(Writer *w)
{
    if (w->buf != w->small) PyMem_Free(w->buf);
}

static int
grow(Writer *w, Py_ssize_t size)
{
    if (size > PY_SSIZE_T_MAX / 2 - w->len) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t cap = w->cap * 2;
    if (cap < w->len + size) cap = w->len + size;
    unsigned char *kept = w->buf == w->small ? NULL : w->buf;
    unsigned char *buf = PyMem_Realloc(kept, (size_t)cap);
    if (buf == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (kept == NULL) memcpy(buf, w->small, (size_t)w->len);
    w->buf = buf;
    w->cap = cap;
    return 0;
}

/* Room for `size` more bytes. */
static inline int
reserve(Writer *w, Py_ssize_t size)
{
    return w->cap - w->len >= size ? 0 : grow(w, size);
}

static inline int
write_byte(Writer *w, unsigned char byte)
{
    if (reserve(w, 1) < 0) return -1;
    w->buf[w->len++] = byte;
    return 0;
}

/* A u32 length and the bytes; the caller has refused what is longer. */
static int
write_block(Writer *w, const char *data, Py_ssize_t size)
{
    if (reserve(w, 4 + size) < 0) return -1;
    store(w->buf + w->len, (uint64_t)size, 4);
    memcpy(w->buf + w->len + 4, data, (size_t)size);
    w->len += 4 + size;
    return 0;
}

static inline int
is_countable(Py_ssize_t size)
{
    return (uint64_t)size <= UINT32_MAX;
}

static int
write_string(Writer *w, PyObject *value)
{
    if (!PyUnicode_Check(value)) return refuse(w, value, "str");
    if (PyUnicode_IS_COMPACT_ASCII(value)) {
        Py_ssize_t size = PyUnicode_GET_LENGTH(value);
        if (!is_countable(size)) return refuse(w, value, "fewer than 2**32 bytes");
        return write_block(w, (const char *)PyUnicode_1BYTE_DATA(value), size);
    }
    /* Not AsUTF8: that would keep the bytes inside the string for as long as it lives. */
    PyObject *data = PyUnicode_AsUTF8String(value);
    if (data == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
        PyErr_Clear();
        return refuse(w, value, "text without lone surrogates");
    }
    int status = is_countable(PyBytes_GET_SIZE(data))
        ? write_block(w, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        : refuse(w, value, "fewer than 2**32 bytes");
    Py_DECREF(data);
    return status;
}

static int
write_bytes(Writer *w, PyObject *value)
{
    if (PyBytes_Check(value) && is_countable(PyBytes_GET_SIZE(value))) {
        return write_block(w, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    }
    if (!PyBytes_Check(value) && !PyByteArray_Check(value) && !PyMemoryView_Check(value)) {
        return refuse(w, value, "bytes");
    }
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_FULL_RO) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) return -1; /* a released memoryview */
        PyErr_Clear();
        return refuse(w, value, "bytes");
    }
    int status = -1;
    if (!is_countable(view.len)) {
        status = refuse(w, value, "fewer than 2**32 bytes");
    }
    else if (reserve(w, 4 + view.len) == 0) {
        store(w->buf + w->len, (uint64_t)view.len, 4);
        status = PyBuffer_ToContiguous(w->buf + w->len + 4, &view, view.len, 'C');
        w->len += 4 + view.len;
    }
    PyBuffer_Release(&view);
    return status;
}

static int
write_uuid(Writer *w, const Node *n, PyObject *value)
{
    State *state = w->state;
    int is_uuid = Py_TYPE(value) == (PyTypeObject *)state->uuid_class
        ? 1 : PyObject_IsInstance(value, state->uuid_class);
    if (is_uuid < 0) return -1;
    if (!is_uuid) return refuse(w, value, "uuid.UUID");
    Py_INCREF(value);
    PyObject *number = PyObject_GetAttr(value, state->str_int);
    int fits = number != NULL && PyLong_Check(number)
        && wide_int(number, w->buf + w->len, 16, 0) == 0;
    int status = -1;
    if (fits) {
        w->len += n->width;
        status = 0;
    }
    else if (number != NULL || PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        status = refuse(w, value, "uuid.UUID");
    }
    Py_XDECREF(number);
    Py_DECREF(value);
    return status;
}

/* The tag of a key in `places`: -1 if it has none, -2 with an exception. */
static Py_ssize_t
place_of(PyObject *places, PyObject *key)
{
    PyObject *place = PyDict_GetItemWithError(places, key);
    if (place != NULL) return PyLong_AsSsize_t(place);
    if (!PyErr_Occurred()) return -1;
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -2; /* otherwise not hashable */
    PyErr_Clear();
    return -1;
}

static int
write_enum(Writer *w, const Node *n, PyObject *value)
{
    Py_ssize_t tag = -1;
    for (Py_ssize_t i = 0; i < n->count; i++) {
        if (PyTuple_GET_ITEM(n->names, i) == value) {
            tag = i;
            break;
        }
    }
    if (tag < 0) {
        Py_INCREF(value);
        tag = place_of(n->places, value);
        int status = tag == -1 ? refuse(w, value, "a member of the enum") : tag == -2 ? -1 : 0;
        Py_DECREF(value);
        if (status < 0) return -1;
    }
    w->buf[w->len++] = (unsigned char)tag;
    return 0;
}

/* A leaf for which there is room. */
static inline int
write_leaf(Writer *w, const Node *n, PyObject *value)
{
    switch (n->op) {
    case OP_INT:
        return write_int(w, n, value);
    case OP_FLOAT:
        return write_float(w, n, value);
    case OP_BOOL:
        if (value != Py_True && value != Py_False) return refuse(w, value, "bool");
        w->buf[w->len++] = value == Py_True;
        return 0;
    case OP_FIXED:
        if (!PyBytes_Check(value) || PyBytes_GET_SIZE(value) != n->width) {
            return refuse(w, value, "%zd bytes", n->width);
        }
        memcpy(w->buf + w->len, PyBytes_AS_STRING(value), (size_t)n->width);
        w->len += n->width;
        return 0;
    case OP_UUID:
        return write_uuid(w, n, value);
    default: /* OP_ENUM */
        return write_enum(w, n, value);
    }
}

static int write_node(Writer *w, const Node *n, PyObject *value, int depth);

static int
write_array(Writer *w, const Node *n, PyObject *value, int depth)
{
    int is_list = PyList_Check(value);
    if (!is_list && !PyTuple_Check(value)) return refuse(w, value, "list");
    if (depth >= w->state->depth_limit) return too_deep_to_write(w);
    Py_ssize_t count = Py_SIZE(value);
    if (!is_countable(count)) return refuse(w, value, "fewer than 2**32 elements");
    if (reserve(w, 4) < 0) return -1;
    store(w->buf + w->len, (uint64_t)count, 4);
    w->len += 4;
    const Node *element = n->fields[0].node;
    for (Py_ssize_t i = 0; i < count && i < Py_SIZE(value); i++) {
        PyObject *item = is_list ? PyList_GET_ITEM(value, i) : PyTuple_GET_ITEM(value, i);
        Py_INCREF(item);
        int status = write_node(w, element, item, depth + 1);
        Py_DECREF(item);
        if (status < 0) return -1;
    }
    if (Py_SIZE(value) != count) {
        return encode_error(w->state, PyUnicode_FromString("the list changed meanwhile"));
    }
    return 0;
}

static int
write_field(Writer *w, const Node *n, Py_ssize_t index, PyObject *item, int depth)
{
    const Field *field = &n->fields[index];
    const Node *inner = field->node;
    if (inner->width) {
        /* A run is reserved at its first leaf. */
        if (field->run && reserve(w, field->run) < 0) return -1;
        if (write_leaf(w, inner, item) == 0) return 0;
    }
    else if (inner->op == OP_STRING) {
        if (write_string(w, item) == 0) return 0;
    }
    else {
        Py_INCREF(item);
        int status = write_node(w, inner, item, depth + 1);
        Py_DECREF(item);
        if (status == 0) return 0;
    }
    add_path(w, n, index);
    return -1;
}

static int
not_set(Writer *w, const Node *n, Py_ssize_t index)
{
    encode_error(w->state, PyUnicode_FromString("the field is not set"));
    add_path(w, n, index);
    return -1;
}

static int
write_attributes(Writer *w, const Node *n, PyObject *value, int depth)
{
    for (Py_ssize_t i = 0; i < n->count; i++) {
        PyObject *item = PyObject_GetAttr(value, PyTuple_GET_ITEM(n->names, i));
        if (item == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
            PyErr_Clear();
            return not_set(w, n, i);
        }
        int status = write_field(w, n, i, item, depth);
        Py_DECREF(item);
        if (status < 0) return -1;
    }
    return 0;
}

static int
write_struct(Writer *w, const Node *n, PyObject *value, int depth)
{
    if (depth >= w->state->depth_limit) return too_deep_to_write(w);
    if (n->slots && (PyObject *)Py_TYPE(value) == n->class_) {
        for (Py_ssize_t i = 0; i < n->count; i++) {
            PyObject *item = *slot(value, n->fields[i].slot);
            if (item == NULL) return not_set(w, n, i);
            if (write_field(w, n, i, item, depth) < 0) return -1;
        }
        return 0;
    }
    if (PyTuple_Check(value)) {
        if (PyTuple_GET_SIZE(value) != n->count) return refuse(w, value, "%zd fields", n->count);
        for (Py_ssize_t i = 0; i < n->count; i++) {
            if (write_field(w, n, i, PyTuple_GET_ITEM(value, i), depth) < 0) return -1;
        }
        return 0;
    }
    if (n->class_ == NULL) return refuse(w, value, "tuple");
    int is_instance = PyObject_IsInstance(value, n->class_);
    if (is_instance < 0) return -1;
    if (is_instance) return write_attributes(w, n, value, depth);
    PyObject *name = PyObject_GetAttrString(n->class_, "__name__");
    if (name == NULL) return -1;
    refuse(w, value, "%S", name);
    Py_DECREF(name);
    return -1;
}

/* "one of A, B", as the classes are in `places`. */
static int
refuse_class(Writer *w, const Node *n, PyObject *value)
{
    PyObject *text = PyUnicode_FromString("one of ");
    PyObject *class_, *tag;
    Py_ssize_t at = 0;
    const char *between = "";
    while (text != NULL && PyDict_Next(n->places, &at, &class_, &tag)) {
        PyObject *name = PyObject_GetAttrString(class_, "__name__");
        PyObject *longer = name == NULL
            ? NULL : PyUnicode_FromFormat("%U%s%S", text, between, name);
        Py_XDECREF(name);
        Py_SETREF(text, longer);
        between = ", ";
    }
    if (text == NULL) return -1;
    refuse(w, value, "%U", text);
    Py_DECREF(text);
    return -1;
}

static int
write_sum(Writer *w, const Node *n, PyObject *value, int depth)
{
    PyObject *class_ = (PyObject *)Py_TYPE(value);
    /* Backwards: of two variants with one class the later is meant, as in a dict. */
    Py_ssize_t tag = n->count - 1;
    while (tag >= 0 && n->fields[tag].node->class_ != class_) tag--;
    if (tag < 0) return refuse_class(w, n, value);
    if (write_byte(w, (unsigned char)tag) < 0) return -1;
    return write_struct(w, n->fields[tag].node, value, depth);
}

static int
write_tagged(Writer *w, const Node *n, PyObject *value, int depth)
{
    State *state = w->state;
    if (depth >= state->depth_limit) return too_deep_to_write(w);
    int is_tagged = PyObject_IsInstance(value, state->tagged_class);
    if (is_tagged < 0) return -1;
    Py_ssize_t tag = -1;
    if (is_tagged) {
        PyObject *number = PyObject_GetAttr(value, state->str_tag);
        if (number == NULL) return -1;
        if (PyLong_Check(number)) {
            int overflow;
            tag = (Py_ssize_t)PyLong_AsLongAndOverflow(number, &overflow);
            if (overflow) tag = -1;
        }
        Py_DECREF(number);
    }
    if (tag < 0 || tag >= n->count) {
        return refuse(w, value, "Tagged with a tag below %zd", n->count);
    }
    if (write_byte(w, (unsigned char)tag) < 0) return -1;
    PyObject *inner = PyObject_GetAttr(value, state->str_value);
    if (inner == NULL) return -1;
    int status = write_node(w, n->fields[tag].node, inner, depth + 1);
    Py_DECREF(inner);
    return status;
}

static int
write_option(Writer *w, const Node *n, PyObject *value, int depth)
{
    State *state = w->state;
    if (depth >= state->depth_limit) return too_deep_to_write(w);
    if (value == Py_None) return write_byte(w, 1);
    if (!n->wrapped) {
        if (write_byte(w, 0) < 0) return -1;
        return write_node(w, n->fields[0].node, value, depth + 1);
    }
    int is_some = PyObject_IsInstance(value, state->some_class);
    if (is_some < 0) return -1;
    if (!is_some) return refuse(w, value, "Some or None");
    if (write_byte(w, 0) < 0) return -1;
    PyObject *inner = PyObject_GetAttr(value, state->str_value);
    if (inner == NULL) return -1;
    int status = write_node(w, n->fields[0].node, inner, depth + 1);
    Py_DECREF(inner);
    return status;
}

static int
write_node(Writer *w, const Node *n, PyObject *value, int depth)
{
    if (n->width) return reserve(w, n->width) < 0 ? -1 : write_leaf(w, n, value);
    switch (n->op) {
    case OP_STRING:
        return write_string(w, value);
    case OP_BYTES:
        return write_bytes(w, value);
    case OP_ARRAY:
        return write_array(w, n, value, depth);
    case OP_STRUCT:
        return write_struct(w, n, value, depth);
    case OP_SUM:
        return write_sum(w, n, value, depth);
    case OP_TAGGED:
        return write_tagged(w, n, value, depth);
    default: /* OP_OPTION */
        return write_option(w, n, value, depth);
    }
}

/* --- programs -------------------------------------------------------------------------------- */

static int
bad_program(const char *what)
{
    PyErr_Format(PyExc_ValueError, "not a program: %s", what);
    return -1;
}

/* Item `index` of a node, of the given type; NULL with an exception. */
static PyObject *
item_of(PyObject *node, Py_ssize_t index, PyTypeObject *type)
{
    PyObject *item = index < PyTuple_GET_SIZE(node) ? PyTuple_GET_ITEM(node, index) : NULL;
    if (item != NULL && PyObject_TypeCheck(item, type)) return item;
    bad_program("a node lacks an item, or it is of another type");
    return NULL;
}

static int
number_at(PyObject *node, Py_ssize_t index, Py_ssize_t *number)
{
    PyObject *item = item_of(node, index, &PyLong_Type);
    if (item == NULL) return -1;
    *number = PyLong_AsSsize_t(item);
    return *number == -1 && PyErr_Occurred() ? -1 : 0;
}

static int
truth_at(PyObject *node, Py_ssize_t index, int *truth)
{
    PyObject *item = item_of(node, index, &PyBool_Type);
    if (item == NULL) return -1;
    *truth = item == Py_True;
    return 0;
}

/* Makes n->fields from a tuple of node indexes, or from the one index. */
static int
link_fields(Codec *self, Node *n, PyObject *indexes)
{
    Py_ssize_t count = PyTuple_Check(indexes) ? PyTuple_GET_SIZE(indexes) : 1;
    n->fields = PyMem_Calloc((size_t)(count ? count : 1), sizeof(Field));
    if (n->fields == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    n->count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *index = PyTuple_Check(indexes) ? PyTuple_GET_ITEM(indexes, i) : indexes;
        if (!PyLong_Check(index)) return bad_program("a node is named by something else than int");
        Py_ssize_t at = PyLong_AsSsize_t(index);
        if (at == -1 && PyErr_Occurred()) return -1;
        if (at < 0 || at >= self->count) return bad_program("a node is named that is not there");
        n->fields[i].node = &self->nodes[at];
    }
    return 0;
}

/* Member or class -> tag. */
static PyObject *
places_in(PyObject *keys)
{
    PyObject *places = PyDict_New();
    for (Py_ssize_t i = 0; places != NULL && i < PyTuple_GET_SIZE(keys); i++) {
        PyObject *tag = PyLong_FromSsize_t(i);
        if (tag == NULL || PyDict_SetItem(places, PyTuple_GET_ITEM(keys, i), tag) < 0) {
            Py_CLEAR(places);
        }
        Py_XDECREF(tag);
    }
    return places;
}

/* How instances of a struct's class are read, written and made. */
static int
plan_class(State *state, Node *n)
{
    n->slots = 1;
    for (Py_ssize_t i = 0; i < n->count; i++) {
        n->fields[i].slot = slot_of(n->class_, PyTuple_GET_ITEM(n->names, i));
        if (n->fields[i].slot == 0) n->slots = 0;
    }
    PyObject *plain = PyObject_CallFunctionObjArgs(state->is_plain, n->class_, n->names, NULL);
    if (plain == NULL) return -1;
    int is_plain = PyObject_IsTrue(plain);
    Py_DECREF(plain);
    if (is_plain < 0) return -1;
    n->direct = is_plain && n->slots && is_allocatable(n->class_);
    /* Structs of msgspec are tracked again when a field is set; other classes would not be. */
    n->untrack = n->direct && PyType_IS_GC((PyTypeObject *)n->class_)
        && PyObject_HasAttrString(n->class_, "__struct_fields__");
    PyObject *positional = PyObject_GetAttrString(n->class_, "__match_args__");
    if (positional == NULL) PyErr_Clear();
    int same = positional == NULL
        ? 0 : PyObject_RichCompareBool(positional, n->names, Py_EQ);
    Py_XDECREF(positional);
    if (same < 0) return -1;
    n->keywords = same || n->count == 0 ? NULL : Py_NewRef(n->names);
    return 0;
}

static int
compile_struct(Codec *self, Node *n, PyObject *node)
{
    if (PyTuple_GET_SIZE(node) != 4) return bad_program("a struct has four items");
    PyObject *class_ = PyTuple_GET_ITEM(node, 1);
    PyObject *nodes = item_of(node, 3, &PyTuple_Type);
    n->names = item_of(node, 2, &PyTuple_Type);
    if (nodes == NULL || n->names == NULL) return -1;
    if (PyTuple_GET_SIZE(nodes) != PyTuple_GET_SIZE(n->names)) {
        return bad_program("a struct has as many names as nodes");
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(n->names); i++) {
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(n->names, i))) {
            return bad_program("the name of a field is a str");
        }
    }
    if (link_fields(self, n, nodes) < 0) return -1;
    if (class_ == Py_None) return 0;
    if (!PyType_Check(class_)) return bad_program("the class of a struct is a type");
    n->class_ = class_;
    return plan_class(self->state, n);
}

static int
compile_node(Codec *self, Node *n, PyObject *node)
{
    PyObject *op = PyTuple_Check(node) ? item_of(node, 0, &PyUnicode_Type) : NULL;
    if (op == NULL) return PyErr_Occurred() ? -1 : bad_program("a node is a tuple");
    int known = -1;
    for (int i = 0; i <= OP_OPTION; i++) {
        if (PyUnicode_CompareWithASCIIString(op, OP_NAMES[i]) == 0) known = i;
    }
    if (known < 0) return bad_program("an operation is not known");
    n->op = (Op)known;
    n->is_atom = n->op < OP_UUID || n->op == OP_STRING || n->op == OP_BYTES;
    PyObject *nodes;
    switch (n->op) {
    case OP_BOOL:
        n->width = 1;
        return 0;
    case OP_INT:
        if (number_at(node, 1, &n->width) < 0 || truth_at(node, 2, &n->is_signed) < 0) return -1;
        if (n->width < 1 || n->width > 32 || (n->width & (n->width - 1))) {
            return bad_program("an int has 1, 2, 4, 8, 16 or 32 bytes");
        }
        return 0;
    case OP_FLOAT:
        if (number_at(node, 1, &n->width) < 0) return -1;
        return n->width == 4 || n->width == 8 ? 0 : bad_program("a float has 4 or 8 bytes");
    case OP_FIXED:
        if (number_at(node, 1, &n->width) < 0) return -1;
        return n->width > 0 && n->width <= 4096 ? 0 : bad_program("fixed bytes are 1 to 4096");
    case OP_UUID:
        n->width = 16;
        return 0;
    case OP_ENUM:
        n->names = item_of(node, 1, &PyTuple_Type);
        if (n->names == NULL) return -1;
        n->width = 1;
        n->count = PyTuple_GET_SIZE(n->names);
        if (n->count > 256) return bad_program("an enum has at most 256 members");
        n->places = places_in(n->names);
        return n->places == NULL ? -1 : 0;
    case OP_ARRAY:
        if (item_of(node, 1, &PyLong_Type) == NULL || number_at(node, 2, &n->least) < 0) return -1;
        if (n->least < 0) return bad_program("an element has no negative size");
        return link_fields(self, n, PyTuple_GET_ITEM(node, 1));
    case OP_OPTION:
        if (item_of(node, 1, &PyLong_Type) == NULL || truth_at(node, 2, &n->wrapped) < 0) return -1;
        return link_fields(self, n, PyTuple_GET_ITEM(node, 1));
    case OP_STRUCT:
        return compile_struct(self, n, node);
    case OP_SUM:
        nodes = item_of(node, 1, &PyTuple_Type);
        if (nodes == NULL) return -1;
        if (PyTuple_GET_SIZE(nodes) > 256) return bad_program("a sum has at most 256 variants");
        return link_fields(self, n, nodes);
    case OP_TAGGED:
        n->names = item_of(node, 1, &PyTuple_Type);
        nodes = item_of(node, 2, &PyTuple_Type);
        if (n->names == NULL || nodes == NULL) return -1;
        if (PyTuple_GET_SIZE(nodes) > 256
            || PyTuple_GET_SIZE(nodes) != PyTuple_GET_SIZE(n->names)) {
            return bad_program("a sum has at most 256 variants, and a name for each");
        }
        return link_fields(self, n, nodes);
    default: /* OP_STRING, OP_BYTES */
        return 0;
    }
}

/* What needs all nodes to be there: runs of leaves, and the classes of sums. */
static int
finish_node(Node *n)
{
    if (n->op == OP_STRUCT) {
        Py_ssize_t run = 0;
        for (Py_ssize_t i = n->count - 1; i >= 0; i--) {
            run = n->fields[i].node->width ? run + n->fields[i].node->width : 0;
            n->fields[i].run = run;
        }
        for (Py_ssize_t i = n->count - 1; i > 0; i--) {
            if (n->fields[i - 1].run) n->fields[i].run = 0;
        }
    }
    if (n->op == OP_SUM) {
        PyObject *classes = PyTuple_New(n->count);
        if (classes == NULL) return -1;
        for (Py_ssize_t i = 0; i < n->count; i++) {
            PyObject *class_ = n->fields[i].node->class_;
            if (class_ == NULL) {
                Py_DECREF(classes);
                return bad_program("each variant of a sum is a struct with a class");
            }
            PyTuple_SET_ITEM(classes, i, Py_NewRef(class_));
        }
        n->places = places_in(classes);
        Py_DECREF(classes);
        if (n->places == NULL) return -1;
    }
    return 0;
}

/* --- the type -------------------------------------------------------------------------------- */

static int
Codec_clear(Codec *self)
{
    for (Py_ssize_t i = 0; self->nodes != NULL && i < self->count; i++) {
        Py_CLEAR(self->nodes[i].places);
        Py_CLEAR(self->nodes[i].keywords);
        PyMem_Free(self->nodes[i].fields);
    }
    PyMem_Free(self->nodes);
    self->nodes = NULL;
    Py_CLEAR(self->program);
    return 0;
}

static int
Codec_traverse(Codec *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->program);
    for (Py_ssize_t i = 0; self->nodes != NULL && i < self->count; i++) {
        Py_VISIT(self->nodes[i].places);
        Py_VISIT(self->nodes[i].keywords);
    }
    return 0;
}

static void
Codec_dealloc(Codec *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Codec_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
Codec_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"program", NULL};
    PyObject *program;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!:Codec", names, &PyTuple_Type, &program)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(program) == 0) {
        bad_program("it has no nodes");
        return NULL;
    }
    Codec *self = (Codec *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->state = PyType_GetModuleState(type);
    self->program = Py_NewRef(program);
    self->count = PyTuple_GET_SIZE(program);
    self->nodes = PyMem_Calloc((size_t)self->count, sizeof(Node));
    if (self->state == NULL || self->nodes == NULL) {
        if (!PyErr_Occurred()) PyErr_NoMemory();
        goto failed;
    }
    for (Py_ssize_t i = 0; i < self->count; i++) {
        if (compile_node(self, &self->nodes[i], PyTuple_GET_ITEM(program, i)) < 0) goto failed;
    }
    for (Py_ssize_t i = 0; i < self->count; i++) {
        if (finish_node(&self->nodes[i]) < 0) goto failed;
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

/* The root, or NULL with an exception if the collector has already emptied the codec. */
static const Node *
root(Codec *self)
{
    if (self->nodes == NULL) PyErr_SetString(PyExc_RuntimeError, "the codec is being collected");
    return self->nodes;
}

/* Opens a reader over `data`; `view` must be released by end_reading. */
static int
start_reading(Reader *r, Codec *self, PyObject *data, Py_buffer *view)
{
    view->obj = NULL;
    r->state = self->state;
    if (PyBytes_CheckExact(data)) {
        r->base = (const unsigned char *)PyBytes_AS_STRING(data);
        r->end = r->base + PyBytes_GET_SIZE(data);
    }
    else {
        if (PyObject_GetBuffer(data, view, PyBUF_SIMPLE) < 0) return -1;
        r->base = view->buf;
        r->end = r->base + view->len;
    }
    r->cur = r->base;
    r->free = r->state->free_elements + (r->end - r->base);
    return 0;
}

static void
end_reading(Py_buffer *view)
{
    if (view->obj != NULL) PyBuffer_Release(view);
}

static int
seek(Reader *r, PyObject *offset)
{
    Py_ssize_t size = r->end - r->base;
    if (!PyLong_Check(offset)) {
        PyErr_Format(PyExc_TypeError, "offset must be int, not %.100s", Py_TYPE(offset)->tp_name);
        return -1;
    }
    int overflow;
    long long at = PyLong_AsLongLongAndOverflow(offset, &overflow);
    if (overflow || at < 0 || at > (long long)size) {
        decode_error(r, 0, "offset %S is outside the %zd bytes", offset, size);
        return -1;
    }
    r->cur = r->base + at;
    return 0;
}

/* (data, offset) by position or keyword; `*offset` stays NULL if it was not given. */
static int
data_and_offset(const char *method, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                PyObject **data, PyObject **offset)
{
    *data = nargs > 0 ? args[0] : NULL;
    *offset = nargs > 1 ? args[1] : NULL;
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        PyObject **place = NULL;
        if (PyUnicode_CompareWithASCIIString(name, "data") == 0) place = data;
        if (PyUnicode_CompareWithASCIIString(name, "offset") == 0) place = offset;
        if (place == NULL || *place != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected argument %R", method, name);
            return -1;
        }
        *place = args[nargs + i];
    }
    if (*data == NULL || nargs > 2) {
        PyErr_Format(PyExc_TypeError, "%s() takes data and an offset", method);
        return -1;
    }
    return 0;
}

static PyObject *
Codec_encode(Codec *self, PyObject *value)
{
    const Node *n = root(self);
    if (n == NULL) return NULL;
    Writer w;
    start_writing(&w, self->state);
    PyObject *result = write_node(&w, n, value, 0) < 0
        ? NULL : PyBytes_FromStringAndSize((const char *)w.buf, w.len);
    end_writing(&w);
    return result;
}

/* Room for all values, by the length of the first one, which was just written. To grow little by
 * little would copy what is there, or not, as the heap happens to be: a count of instructions would
 * differ by twice two percent between processes. */
static int
expect_as_long(Writer *w, PyObject *values)
{
    if (!PyList_CheckExact(values) && !PyTuple_CheckExact(values)) return 0;
    Py_ssize_t more = PySequence_Fast_GET_SIZE(values) - 1;
    Py_ssize_t each = w->len + w->len / 8 + 1;
    if (more > AHEAD / each) more = AHEAD / each;
    return more > 0 ? reserve(w, more * each) : 0;
}

static PyObject *
Codec_encode_all(Codec *self, PyObject *values)
{
    const Node *n = root(self);
    PyObject *iterator = n == NULL ? NULL : PyObject_GetIter(values);
    if (iterator == NULL) return NULL;
    Writer w;
    start_writing(&w, self->state);
    PyObject *value, *result = NULL;
    int status = 0;
    if ((value = PyIter_Next(iterator)) != NULL) {
        status = write_node(&w, n, value, 0);
        Py_DECREF(value);
        if (status == 0) status = expect_as_long(&w, values);
    }
    while (status == 0 && (value = PyIter_Next(iterator)) != NULL) {
        status = write_node(&w, n, value, 0);
        Py_DECREF(value);
    }
    if (status == 0 && !PyErr_Occurred()) {
        result = PyBytes_FromStringAndSize((const char *)w.buf, w.len);
    }
    Py_DECREF(iterator);
    end_writing(&w);
    return result;
}

static PyObject *
Codec_encode_rows(Codec *self, PyObject *values)
{
    const Node *n = root(self);
    PyObject *iterator = n == NULL ? NULL : PyObject_GetIter(values);
    PyObject *rows = iterator == NULL ? NULL : PyList_New(0);
    if (rows == NULL) {
        Py_XDECREF(iterator);
        return NULL;
    }
    Writer w;
    start_writing(&w, self->state);
    PyObject *value;
    int status = 0;
    while (status == 0 && (value = PyIter_Next(iterator)) != NULL) {
        w.len = 0;
        status = write_node(&w, n, value, 0);
        Py_DECREF(value);
        PyObject *row = status < 0
            ? NULL : PyBytes_FromStringAndSize((const char *)w.buf, w.len);
        if (row == NULL || PyList_Append(rows, row) < 0) status = -1;
        Py_XDECREF(row);
    }
    Py_DECREF(iterator);
    end_writing(&w);
    if (status < 0 || PyErr_Occurred()) Py_CLEAR(rows);
    return rows;
}

static PyObject *
Codec_decode(Codec *self, PyObject *data)
{
    const Node *n = root(self);
    Reader r;
    Py_buffer view;
    if (n == NULL || start_reading(&r, self, data, &view) < 0) return NULL;
    PyObject *value = read_node(&r, n, 0);
    if (value != NULL && r.cur != r.end) {
        Py_CLEAR(value);
        decode_error(&r, r.cur - r.base, "%zd bytes are left over", (Py_ssize_t)(r.end - r.cur));
    }
    end_reading(&view);
    return value;
}

static PyObject *
Codec_decode_from(Codec *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    const Node *n = root(self);
    PyObject *data, *offset, *result = NULL;
    Reader r;
    Py_buffer view;
    if (n == NULL) return NULL;
    if (data_and_offset("decode_from", args, nargs, kwnames, &data, &offset) < 0) return NULL;
    if (offset == NULL) {
        PyErr_SetString(PyExc_TypeError, "decode_from() takes data and an offset");
        return NULL;
    }
    if (start_reading(&r, self, data, &view) < 0) return NULL;
    PyObject *value = seek(&r, offset) < 0 ? NULL : read_node(&r, n, 0);
    if (value != NULL) result = Py_BuildValue("(Nn)", value, (Py_ssize_t)(r.cur - r.base));
    end_reading(&view);
    return result;
}

/* Reads one value onto the end of a list. */
static int
append_value(Reader *r, const Node *n, PyObject *values)
{
    PyObject *value = read_node(r, n, 0);
    if (value == NULL) return -1;
    int status = PyList_Append(values, value);
    Py_DECREF(value);
    return status;
}

static PyObject *
Codec_decode_all(Codec *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    const Node *n = root(self);
    PyObject *data, *offset, *values = NULL;
    Reader r;
    Py_buffer view;
    if (n == NULL) return NULL;
    if (data_and_offset("decode_all", args, nargs, kwnames, &data, &offset) < 0) return NULL;
    if (start_reading(&r, self, data, &view) < 0) return NULL;
    if (offset == NULL || seek(&r, offset) == 0) values = PyList_New(0);
    while (values != NULL && r.cur < r.end) {
        const unsigned char *before = r.cur;
        if (append_value(&r, n, values) < 0) {
            Py_CLEAR(values);
        }
        else if (r.cur == before) {
            Py_CLEAR(values);
            decode_error(&r, before - r.base, "a value without bytes cannot be counted");
        }
    }
    end_reading(&view);
    return values;
}

/* One row that must take exactly the bytes up to `stop`. */
static int
append_row(Reader *r, const Node *n, PyObject *rows, const unsigned char *stop)
{
    r->end = stop;
    if (append_value(r, n, rows) < 0) return -1;
    if (r->cur == stop) return 0;
    decode_error(r, r->cur - r->base, "row %zd is said to end at %zd", PyList_GET_SIZE(rows) - 1,
                 (Py_ssize_t)(stop - r->base));
    return -1;
}

/* Where row `i` starts, or -1 for a number that is no offset at all. */
static Py_ssize_t
offset_at(PyObject *offsets, Py_ssize_t i)
{
    PyObject *offset = PyList_GET_ITEM(offsets, i);
    int overflow;
    if (!PyLong_Check(offset)) return -1;
    long long at = PyLong_AsLongLongAndOverflow(offset, &overflow);
    return overflow || at < 0 || at > PY_SSIZE_T_MAX ? -1 : (Py_ssize_t)at;
}

static int
read_rows(Reader *r, const Node *n, PyObject *offsets, PyObject *rows)
{
    Py_ssize_t size = r->end - r->base;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(offsets); i++) {
        Py_ssize_t start = offset_at(offsets, i);
        Py_ssize_t stop = i + 1 < PyList_GET_SIZE(offsets) ? offset_at(offsets, i + 1) : size;
        if (start != r->cur - r->base || stop < start || stop > size) {
            PyObject *shown = Py_NewRef(PyList_GET_ITEM(offsets, i));
            decode_error(r, r->cur - r->base, "row %zd is said to start at %S", i, shown);
            Py_DECREF(shown);
            return -1;
        }
        if (append_row(r, n, rows, r->base + stop) < 0) return -1;
    }
    r->end = r->base + size;
    if (r->cur == r->end) return 0;
    decode_error(r, r->cur - r->base, "%zd bytes are left over", (Py_ssize_t)(r->end - r->cur));
    return -1;
}

static PyObject *
Codec_decode_rows(Codec *self, PyObject *const *args, Py_ssize_t nargs)
{
    const Node *n = root(self);
    Reader r;
    Py_buffer view;
    if (n == NULL) return NULL;
    if (nargs != 2 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "decode_rows() takes data and a list of offsets");
        return NULL;
    }
    if (start_reading(&r, self, args[0], &view) < 0) return NULL;
    PyObject *rows = PyList_New(0);
    if (rows != NULL && read_rows(&r, n, args[1], rows) < 0) Py_CLEAR(rows);
    end_reading(&view);
    return rows;
}

static PyObject *
Codec_decode_fixed(Codec *self, PyObject *const *args, Py_ssize_t nargs)
{
    const Node *n = root(self);
    Reader r;
    Py_buffer view;
    if (n == NULL) return NULL;
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "decode_fixed() takes data and the size of a row");
        return NULL;
    }
    Py_ssize_t size = PyLong_AsSsize_t(args[1]);
    if (size == -1 && PyErr_Occurred()) return NULL;
    if (start_reading(&r, self, args[0], &view) < 0) return NULL;
    Py_ssize_t length = r.end - r.base;
    PyObject *rows = NULL;
    if (size < 0 || (size == 0 ? length != 0 : length % size != 0)) {
        decode_error(&r, 0, "%zd bytes are not rows of %zd bytes each", length, size);
    }
    else {
        rows = PyList_New(0);
    }
    for (Py_ssize_t at = 0; rows != NULL && at < length; at += size) {
        if (append_row(&r, n, rows, r.base + at + size) < 0) Py_CLEAR(rows);
    }
    end_reading(&view);
    return rows;
}

#define FAST(function) (PyCFunction)(void (*)(void)) function

static PyMethodDef Codec_methods[] = {
    {"encode", (PyCFunction)Codec_encode, METH_O, NULL},
    {"encode_all", (PyCFunction)Codec_encode_all, METH_O, NULL},
    {"encode_rows", (PyCFunction)Codec_encode_rows, METH_O, NULL},
    {"decode", (PyCFunction)Codec_decode, METH_O, NULL},
    {"decode_from", FAST(Codec_decode_from), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"decode_all", FAST(Codec_decode_all), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"decode_rows", FAST(Codec_decode_rows), METH_FASTCALL, NULL},
    {"decode_fixed", FAST(Codec_decode_fixed), METH_FASTCALL, NULL},
    {NULL},
};

static PyType_Slot Codec_slots[] = {
    {Py_tp_doc, "Encode and decode the values of one program. See harness.wire.codec."},
    {Py_tp_new, Codec_new},
    {Py_tp_dealloc, Codec_dealloc},
    {Py_tp_traverse, Codec_traverse},
    {Py_tp_clear, Codec_clear},
    {Py_tp_methods, Codec_methods},
    {0, NULL},
};

static PyType_Spec Codec_spec = {
    .name = "harness.wire._bsatn.Codec",
    .basicsize = sizeof(Codec),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Codec_slots,
};

/* --- the module ------------------------------------------------------------------------------ */

static PyObject *
imported(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *found = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return found;
}

static int
imported_number(const char *module_name, const char *name, Py_ssize_t *number)
{
    PyObject *found = imported(module_name, name);
    if (found == NULL) return -1;
    *number = PyLong_AsSsize_t(found);
    Py_DECREF(found);
    return *number == -1 && PyErr_Occurred() ? -1 : 0;
}

/* UUIDs are made without a call only if the class is the one we know. */
static int
plan_uuid(State *state)
{
    PyObject *safety = imported("uuid", "SafeUUID");
    state->uuid_safety = safety == NULL ? NULL : PyObject_GetAttrString(safety, "unknown");
    Py_XDECREF(safety);
    if (state->uuid_safety == NULL) return -1;
    PyObject *slots = PyObject_GetAttrString(state->uuid_class, "__slots__");
    PyObject *known = Py_BuildValue("(sss)", "int", "is_safe", "__weakref__");
    int same = slots == NULL || known == NULL ? 0 : PyObject_RichCompareBool(slots, known, Py_EQ);
    Py_XDECREF(slots);
    Py_XDECREF(known);
    PyErr_Clear();
    if (same != 1 || !is_allocatable(state->uuid_class)) return 0;
    PyObject *name = PyUnicode_FromString("is_safe");
    if (name == NULL) return -1;
    state->uuid_safety_slot = slot_of(state->uuid_class, name);
    Py_DECREF(name);
    if (state->uuid_safety_slot) state->uuid_int_slot = slot_of(state->uuid_class, state->str_int);
    return 0;
}

static void
plan_values(State *state)
{
    /* Both are untracked below, which only objects of the collector can be. */
    if (is_allocatable(state->some_class) && PyType_IS_GC((PyTypeObject *)state->some_class)) {
        state->some_slot = slot_of(state->some_class, state->str_value);
    }
    if (is_allocatable(state->tagged_class) && PyType_IS_GC((PyTypeObject *)state->tagged_class)) {
        Py_ssize_t name = slot_of(state->tagged_class, state->str_name);
        Py_ssize_t value = slot_of(state->tagged_class, state->str_value);
        if (name && value) {
            state->tagged_slots[0] = slot_of(state->tagged_class, state->str_tag);
            state->tagged_slots[1] = name;
            state->tagged_slots[2] = value;
        }
    }
}

static int
module_exec(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_ssize_t depth_limit;
#define LOAD(place, value)                                                                        \
    if ((state->place = (value)) == NULL) return -1
    LOAD(decode_error, imported("harness.errors", "DecodeError"));
    LOAD(encode_error, imported("harness.errors", "EncodeError"));
    LOAD(some_class, imported("harness.wire.values", "Some"));
    LOAD(tagged_class, imported("harness.wire.values", "Tagged"));
    LOAD(is_plain, imported("harness.wire.program", "is_plain"));
    LOAD(uuid_class, imported("uuid", "UUID"));
    LOAD(str_int, PyUnicode_InternFromString("int"));
    LOAD(str_value, PyUnicode_InternFromString("value"));
    LOAD(str_tag, PyUnicode_InternFromString("tag"));
    LOAD(str_name, PyUnicode_InternFromString("name"));
    LOAD(str_path, PyUnicode_InternFromString("path"));
#undef LOAD
    if (imported_number("harness.wire.program", "DEPTH_LIMIT", &depth_limit) < 0
        || imported_number("harness.wire.program", "FREE_ELEMENTS", &state->free_elements) < 0
        || plan_uuid(state) < 0) {
        return -1;
    }
    state->depth_limit = (int)depth_limit;
    plan_values(state);
    PyObject *type = PyType_FromModuleAndSpec(module, &Codec_spec, NULL);
    if (type == NULL) return -1;
    state->codec_type = (PyTypeObject *)type;
    return PyModule_AddType(module, state->codec_type);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->decode_error);
    Py_VISIT(state->encode_error);
    Py_VISIT(state->some_class);
    Py_VISIT(state->tagged_class);
    Py_VISIT(state->is_plain);
    Py_VISIT(state->uuid_class);
    Py_VISIT(state->uuid_safety);
    Py_VISIT(state->codec_type);
    return 0;
}

static int
module_clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->decode_error);
    Py_CLEAR(state->encode_error);
    Py_CLEAR(state->some_class);
    Py_CLEAR(state->tagged_class);
    Py_CLEAR(state->is_plain);
    Py_CLEAR(state->uuid_class);
    Py_CLEAR(state->uuid_safety);
    Py_CLEAR(state->str_int);
    Py_CLEAR(state->str_value);
    Py_CLEAR(state->str_tag);
    Py_CLEAR(state->str_name);
    Py_CLEAR(state->str_path);
    Py_CLEAR(state->codec_type);
    return 0;
}

static void
module_free(void *module)
{
    module_clear((PyObject *)module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "harness.wire._bsatn",
    .m_doc = "The codec in C; harness.wire.pycodec is the same in Python.",
    .m_size = sizeof(State),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__bsatn(void)
{
    return PyModuleDef_Init(&module_def);
}
