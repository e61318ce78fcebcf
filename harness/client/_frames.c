/* WebSocket frames of many messages in one piece of memory; harness.client.frames is the same in
 * Python. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

static Py_ssize_t
header_size(Py_ssize_t size)
{
    return size < 126 ? 2 : size < 65536 ? 4 : 10;
}

static unsigned char *
put_frame(unsigned char *at, const unsigned char *data, Py_ssize_t size, const unsigned char *mask)
{
    Py_ssize_t lengths = header_size(size) - 2;
    *at++ = 0x82; /* the last part of a binary message */
    *at++ = (unsigned char)(0x80 | (lengths == 0 ? size : lengths == 2 ? 126 : 127));
    for (Py_ssize_t shift = 8 * (lengths - 1); shift >= 0; shift -= 8) {
        *at++ = (unsigned char)((uint64_t)size >> shift);
    }
    memcpy(at, mask, 4);
    at += 4;
    uint64_t wide;
    unsigned char twice[8];
    memcpy(twice, mask, 4);
    memcpy(twice + 4, mask, 4);
    memcpy(&wide, twice, 8);
    Py_ssize_t place = 0;
    for (; place + 8 <= size; place += 8) {
        uint64_t part;
        memcpy(&part, data + place, 8);
        part ^= wide;
        memcpy(at + place, &part, 8);
    }
    for (; place < size; place++) at[place] = data[place] ^ mask[place & 3];
    return at + size;
}

static PyObject *
frames(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    if (count != 2 || !PyList_Check(given[0]) || !PyBytes_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "frames takes a list of messages, and masks");
        return NULL;
    }
    PyObject *messages = given[0];
    Py_ssize_t number = PyList_GET_SIZE(messages), total = 0;
    if (PyBytes_GET_SIZE(given[1]) != 4 * number) {
        PyErr_SetString(PyExc_ValueError, "each message needs a mask of 4 bytes");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < number; i++) {
        PyObject *message = PyList_GET_ITEM(messages, i);
        if (!PyBytes_Check(message)) {
            PyErr_SetString(PyExc_TypeError, "messages are bytes");
            return NULL;
        }
        Py_ssize_t size = PyBytes_GET_SIZE(message);
        if (size > PY_SSIZE_T_MAX - 14 - total) return PyErr_NoMemory();
        total += header_size(size) + 4 + size;
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, total);
    if (made == NULL) return NULL;
    unsigned char *at = (unsigned char *)PyBytes_AS_STRING(made);
    const unsigned char *masks = (const unsigned char *)PyBytes_AS_STRING(given[1]);
    for (Py_ssize_t i = 0; i < number; i++) {
        PyObject *message = PyList_GET_ITEM(messages, i);
        at = put_frame(at, (const unsigned char *)PyBytes_AS_STRING(message),
                       PyBytes_GET_SIZE(message), masks + 4 * i);
    }
    return made;
}

static PyMethodDef module_methods[] = {
    {"frames", (PyCFunction)(void (*)(void))frames, METH_FASTCALL,
     "frames(messages, masks, /)\n--\n\nThe client frames of binary messages, back to back."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "harness.client._frames",
    .m_doc = "WebSocket frames in C; harness.client.frames is the same in Python.",
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__frames(void)
{
    return PyModuleDef_Init(&module_def);
}
