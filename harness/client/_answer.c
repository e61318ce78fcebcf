/* A call and the future of its answer, in C: asyncio's protocol for futures, at less cost.
 *
 * asyncio.Future hands every callback to the loop by itself. Answers come many in one message, so
 * here those of one message share one entry in the loop's queue (`settle`), from which each waiting
 * task is woken in its own context, as the loop itself would. Nothing else is different: callbacks
 * run in a later turn of the loop, never within set_result; what was never looked at is reported;
 * cancelling works. harness.client.answers says which of the two is used.
 *
 * Source of the protocol: "Futures" in the documentation of asyncio, and what asyncio.isfuture and
 * asyncio's tasks ask of a future that is not their own: _asyncio_future_blocking, get_loop,
 * add_done_callback, result, cancel, _make_cancelled_error, _cancel_message.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

typedef enum { PENDING, CANCELLED, FINISHED } Phase;

typedef struct {
    PyObject *cancelled_error, *invalid_state;
    PyObject *call_soon, *call_exception_handler, *context, *done, *set_result;
    PyTypeObject *answer_type, *port_type, *caller_type;
    PyObject *wake; /* the function below, as the loop calls it */
} State;

typedef struct {
    PyObject_HEAD
    PyObject *loop;
    PyObject *value;    /* result or exception, once there is one */
    PyObject *callback; /* the first callback and its context; most have no other */
    PyObject *context;
    PyObject *more;     /* list of (callback, context) */
    PyObject *reason;   /* what cancel was told */
    PyObject *weakrefs;
    Phase phase;
    char failed;        /* value is an exception */
    char unseen;        /* nobody has looked at the exception */
    char blocking;
} Answer;

static struct PyModuleDef module_def;

static State *
state_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &module_def);
    return module == NULL ? NULL : PyModule_GetState(module);
}

#define STATE(self) state_of(Py_TYPE(self))

/* --- waking ---------------------------------------------------------------------------------- */

/* Runs a callback in its context. An exception is the loop's to report; -1 if it must end all. */
static int
run_callback(State *state, Answer *self, PyObject *callback, PyObject *context)
{
    PyObject *found;
    if (PyContext_Enter(context) < 0) {
        /* It is entered already: the loop has to do it, later. */
        PyErr_Clear();
        PyObject *given[] = {self->loop, callback, (PyObject *)self, context};
        PyObject *names = PyTuple_Pack(1, state->context);
        if (names == NULL) return -1;
        found = PyObject_VectorcallMethod(state->call_soon, given, 3, names);
        Py_DECREF(names);
        Py_XDECREF(found);
        return found == NULL ? -1 : 0;
    }
    found = PyObject_CallOneArg(callback, (PyObject *)self);
    if (PyContext_Exit(context) < 0) {
        Py_XDECREF(found);
        return -1;
    }
    if (found != NULL) {
        Py_DECREF(found);
        return 0;
    }
    if (PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        return -1;
    }
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL) PyException_SetTraceback(error, traceback);
    PyObject *told = Py_BuildValue("{s:s,s:O,s:O}", "message", "Exception in a callback of an answer",
                                   "exception", error, "future", self);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    if (told == NULL) return -1;
    found = PyObject_CallMethodOneArg(self->loop, state->call_exception_handler, told);
    Py_DECREF(told);
    Py_XDECREF(found);
    return found == NULL ? -1 : 0;
}

static int
run_callbacks(State *state, Answer *self)
{
    PyObject *callback = self->callback, *context = self->context, *more = self->more;
    self->callback = self->context = self->more = NULL;
    int failed = 0;
    if (callback != NULL) failed = run_callback(state, self, callback, context);
    for (Py_ssize_t at = 0; !failed && more != NULL && at < PyList_GET_SIZE(more); at++) {
        PyObject *pair = PyList_GET_ITEM(more, at);
        failed = run_callback(state, self, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
    Py_XDECREF(callback);
    Py_XDECREF(context);
    Py_XDECREF(more);
    return failed;
}

static int
wake_soon(State *state, PyObject *loop, PyObject *answers)
{
    PyObject *given[] = {loop, state->wake, answers};
    PyObject *handle = PyObject_VectorcallMethod(state->call_soon, given, 3, NULL);
    Py_XDECREF(handle);
    return handle == NULL ? -1 : 0;
}

/* wake(answers): what the loop calls, once for all that were settled together. */
static PyObject *
wake(PyObject *module, PyObject *answers)
{
    State *state = PyModule_GetState(module);
    Py_ssize_t count = PyList_GET_SIZE(answers);
    for (Py_ssize_t at = 0; at < count; at++) {
        Answer *answer = (Answer *)PyList_GET_ITEM(answers, at);
        if (run_callbacks(state, answer) == 0) continue;
        /* The program is being ended; the others are still to be woken, should it go on. */
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        PyObject *rest = PyList_GetSlice(answers, at + 1, count);
        if (rest == NULL || wake_soon(state, answer->loop, rest) < 0) PyErr_Clear();
        Py_XDECREF(rest);
        PyErr_Restore(type, error, traceback);
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
finish(State *state, Answer *self, Phase phase, PyObject *value, int failed)
{
    self->phase = phase;
    self->value = Py_XNewRef(value);
    self->failed = self->unseen = (char)failed;
    if (self->callback == NULL) return 0;
    PyObject *one = PyList_New(1);
    if (one == NULL) return -1;
    PyList_SET_ITEM(one, 0, Py_NewRef((PyObject *)self));
    int found = wake_soon(state, self->loop, one);
    Py_DECREF(one);
    return found;
}

/* settle(waiters): None is the result of all of them; those that are done are left alone. */
static PyObject *
settle(PyObject *module, PyObject *waiters)
{
    State *state = PyModule_GetState(module);
    if (!PyList_Check(waiters)) {
        PyErr_SetString(PyExc_TypeError, "waiters are a list");
        return NULL;
    }
    PyObject *woken = NULL, *loop = NULL;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(waiters); at++) {
        PyObject *waiter = PyList_GET_ITEM(waiters, at);
        if (!Py_IS_TYPE(waiter, state->answer_type)) {
            /* Somebody's own waiter: it may do anything now, also call again. */
            Py_INCREF(waiter);
            PyObject *done = PyObject_CallMethodNoArgs(waiter, state->done);
            int over = done == NULL ? -1 : PyObject_IsTrue(done);
            Py_XDECREF(done);
            PyObject *found = NULL;
            if (over == 0) found = PyObject_CallMethodOneArg(waiter, state->set_result, Py_None);
            Py_DECREF(waiter);
            if (over < 0 || (over == 0 && found == NULL)) goto failed;
            Py_XDECREF(found);
            continue;
        }
        Answer *answer = (Answer *)waiter;
        if (answer->phase != PENDING) continue;
        if (woken != NULL && answer->loop != loop) {
            if (finish(state, answer, FINISHED, Py_None, 0) < 0) goto failed;
            continue;
        }
        answer->phase = FINISHED;
        answer->value = Py_NewRef(Py_None);
        if (answer->callback == NULL) continue;
        if (woken == NULL) {
            woken = PyList_New(0);
            if (woken == NULL) goto failed;
            loop = answer->loop;
        }
        if (PyList_Append(woken, waiter) < 0) goto failed;
    }
    if (woken != NULL) {
        int found = wake_soon(state, loop, woken);
        Py_DECREF(woken);
        if (found < 0) return NULL;
    }
    Py_RETURN_NONE;
failed:
    if (woken != NULL) {
        PyObject *type, *error, *traceback;
        PyErr_Fetch(&type, &error, &traceback);
        if (wake_soon(state, loop, woken) < 0) PyErr_Clear();
        Py_DECREF(woken);
        PyErr_Restore(type, error, traceback);
    }
    return NULL;
}

/* --- what asyncio and callers ask of a future ------------------------------------------------ */

static PyObject *
invalid(State *state, const char *text)
{
    PyErr_SetString(state->invalid_state, text);
    return NULL;
}

static PyObject *
Answer_make_cancelled_error(Answer *self, PyObject *Py_UNUSED(ignored))
{
    State *state = STATE(self);
    if (self->reason == NULL) return PyObject_CallNoArgs(state->cancelled_error);
    return PyObject_CallOneArg(state->cancelled_error, self->reason);
}

static PyObject *
raise_cancelled(Answer *self)
{
    PyObject *error = Answer_make_cancelled_error(self, NULL);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

static PyObject *
Answer_result(Answer *self, PyObject *Py_UNUSED(ignored))
{
    if (self->phase == CANCELLED) return raise_cancelled(self);
    if (self->phase == PENDING) return invalid(STATE(self), "Result is not set.");
    self->unseen = 0;
    if (!self->failed) return Py_NewRef(self->value);
    PyErr_SetObject((PyObject *)Py_TYPE(self->value), self->value);
    return NULL;
}

static PyObject *
Answer_exception(Answer *self, PyObject *Py_UNUSED(ignored))
{
    if (self->phase == CANCELLED) return raise_cancelled(self);
    if (self->phase == PENDING) return invalid(STATE(self), "Exception is not set.");
    self->unseen = 0;
    return Py_NewRef(self->failed ? self->value : Py_None);
}

static PyObject *
Answer_set_result(Answer *self, PyObject *result)
{
    State *state = STATE(self);
    if (self->phase != PENDING) return invalid(state, "invalid state");
    if (finish(state, self, FINISHED, result, 0) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *
Answer_set_exception(Answer *self, PyObject *error)
{
    State *state = STATE(self);
    if (self->phase != PENDING) return invalid(state, "invalid state");
    if (PyExceptionClass_Check(error)) {
        error = PyObject_CallNoArgs(error);
        if (error == NULL) return NULL;
    } else {
        Py_INCREF(error);
    }
    if (!PyExceptionInstance_Check(error) || Py_IS_TYPE(error, (PyTypeObject *)PyExc_StopIteration)) {
        PyErr_SetString(PyExc_TypeError, PyExceptionInstance_Check(error)
                            ? "StopIteration interacts badly with generators and cannot be raised "
                              "into a Future"
                            : "invalid exception object");
        Py_DECREF(error);
        return NULL;
    }
    int failed = finish(state, self, FINISHED, error, 1);
    Py_DECREF(error);
    if (failed < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *
Answer_cancel(Answer *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"msg", NULL};
    PyObject *reason = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", names, &reason)) return NULL;
    if (self->phase != PENDING) Py_RETURN_FALSE;
    if (reason != Py_None) Py_XSETREF(self->reason, Py_NewRef(reason));
    if (finish(STATE(self), self, CANCELLED, NULL, 0) < 0) return NULL;
    Py_RETURN_TRUE;
}

static PyObject *
Answer_done(Answer *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->phase != PENDING);
}

static PyObject *
Answer_cancelled(Answer *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->phase == CANCELLED);
}

static PyObject *
Answer_get_loop(Answer *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self->loop);
}

static PyObject *
Answer_add_done_callback(Answer *self, PyObject *const *given, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (count != 1 || named > 1
        || (named == 1
            && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "context") != 0)) {
        PyErr_SetString(PyExc_TypeError, "add_done_callback takes a function and a context");
        return NULL;
    }
    PyObject *callback = given[0];
    PyObject *context = named == 1 && given[1] != Py_None ? Py_NewRef(given[1])
                                                          : PyContext_CopyCurrent();
    if (context == NULL) return NULL;
    if (!PyContext_CheckExact(context)) {
        Py_DECREF(context);
        PyErr_SetString(PyExc_TypeError, "the context is a contextvars.Context");
        return NULL;
    }
    if (self->phase == PENDING && self->callback == NULL) {
        self->callback = Py_NewRef(callback);
        self->context = context;
        Py_RETURN_NONE;
    }
    if (self->phase != PENDING) {
        State *state = STATE(self);
        PyObject *parts[] = {self->loop, callback, (PyObject *)self, context};
        PyObject *keys = PyTuple_Pack(1, state->context);
        PyObject *handle =
            keys == NULL ? NULL : PyObject_VectorcallMethod(state->call_soon, parts, 3, keys);
        Py_XDECREF(keys);
        Py_DECREF(context);
        if (handle == NULL) return NULL;
        Py_DECREF(handle);
        Py_RETURN_NONE;
    }
    if (self->more == NULL) self->more = PyList_New(0);
    PyObject *pair = self->more == NULL ? NULL : PyTuple_Pack(2, callback, context);
    Py_DECREF(context);
    if (pair == NULL) return NULL;
    int failed = PyList_Append(self->more, pair);
    Py_DECREF(pair);
    if (failed < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *
Answer_remove_done_callback(Answer *self, PyObject *callback)
{
    if (self->phase != PENDING || self->callback == NULL) return PyLong_FromLong(0);
    /* Comparing runs foreign code, which may change what is here: all is taken out meanwhile. */
    PyObject *all = self->more != NULL ? self->more : PyList_New(0);
    PyObject *first = PyTuple_Pack(2, self->callback, self->context);
    self->more = NULL;
    Py_CLEAR(self->callback);
    Py_CLEAR(self->context);
    if (all == NULL || first == NULL || PyList_Insert(all, 0, first) < 0) {
        Py_XDECREF(all);
        Py_XDECREF(first);
        return NULL;
    }
    Py_DECREF(first);
    long removed = 0;
    int broken = 0;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(all); at++) {
        PyObject *pair = PyList_GET_ITEM(all, at);
        int same = broken ? 0 : PyObject_RichCompareBool(PyTuple_GET_ITEM(pair, 0), callback, Py_EQ);
        if (same < 0) broken = 1;
        if (same == 1) {
            removed++;
        } else if (self->callback == NULL) {
            self->callback = Py_NewRef(PyTuple_GET_ITEM(pair, 0));
            self->context = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
        } else {
            if (self->more == NULL) self->more = PyList_New(0);
            if (self->more == NULL || PyList_Append(self->more, pair) < 0) broken = 1;
        }
    }
    Py_DECREF(all);
    return broken ? NULL : PyLong_FromLong(removed);
}

/* --- awaiting -------------------------------------------------------------------------------- */

/* The answer is its own iterator: it gives itself once, and then its result. */
static PySendResult
Answer_send(Answer *self, PyObject *Py_UNUSED(sent), PyObject **result)
{
    *result = NULL;
    if (self->phase == PENDING) {
        if (self->blocking) {
            PyErr_SetString(PyExc_RuntimeError, "await wasn't used with future");
            return PYGEN_ERROR;
        }
        self->blocking = 1;
        *result = Py_NewRef((PyObject *)self);
        return PYGEN_NEXT;
    }
    *result = Answer_result(self, NULL);
    return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
}

static PyObject *
Answer_next(Answer *self)
{
    PyObject *result;
    switch (Answer_send(self, Py_None, &result)) {
    case PYGEN_NEXT:
        return result;
    case PYGEN_RETURN: {
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
        Py_DECREF(result);
        if (stop != NULL) {
            PyErr_SetObject(PyExc_StopIteration, stop);
            Py_DECREF(stop);
        }
        return NULL;
    }
    default:
        return NULL;
    }
}

static PyObject *
Answer_await(Answer *self)
{
    return Py_NewRef((PyObject *)self);
}

static PyObject *
Answer_get_blocking(Answer *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->blocking);
}

static int
Answer_set_blocking(Answer *self, PyObject *value, void *Py_UNUSED(closure))
{
    int found = value == NULL ? -1 : PyObject_IsTrue(value);
    if (found < 0) {
        if (value == NULL) PyErr_SetString(PyExc_AttributeError, "it cannot be deleted");
        return -1;
    }
    self->blocking = (char)found;
    return 0;
}

/* --- from its making to its end -------------------------------------------------------------- */

static PyObject *
Answer_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *names)
{
    if (PyVectorcall_NARGS(nargsf) != 1 || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "an Answer is made with its loop");
        return NULL;
    }
    Answer *self = PyObject_GC_New(Answer, (PyTypeObject *)type);
    if (self == NULL) return NULL;
    self->loop = Py_NewRef(args[0]);
    self->value = self->callback = self->context = self->more = self->reason = NULL;
    self->weakrefs = NULL;
    self->phase = PENDING;
    self->failed = self->unseen = self->blocking = 0;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static PyObject *
Answer_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    if (PyTuple_GET_SIZE(args) != 1 || (keywords != NULL && PyDict_GET_SIZE(keywords))) {
        PyErr_SetString(PyExc_TypeError, "an Answer is made with its loop");
        return NULL;
    }
    return Answer_vectorcall((PyObject *)type, &PyTuple_GET_ITEM(args, 0), 1, NULL);
}

/* Whoever drops an answer without a look at its error has missed something. */
static void
Answer_finalize(Answer *self)
{
    if (!self->unseen) return;
    self->unseen = 0;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    State *state = STATE(self);
    PyObject *told = Py_BuildValue("{s:s,s:O,s:O}", "message",
                                   "Exception of an answer was never retrieved", "exception",
                                   self->value, "future", self);
    PyObject *found = told == NULL || state == NULL
                          ? NULL
                          : PyObject_CallMethodOneArg(self->loop, state->call_exception_handler,
                                                      told);
    if (found == NULL) PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(found);
    Py_XDECREF(told);
    PyErr_Restore(type, error, traceback);
}

static int
Answer_traverse(Answer *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->value);
    Py_VISIT(self->callback);
    Py_VISIT(self->context);
    Py_VISIT(self->more);
    Py_VISIT(self->reason);
    return 0;
}

static int
Answer_clear(Answer *self)
{
    Py_CLEAR(self->loop);
    Py_CLEAR(self->value);
    Py_CLEAR(self->callback);
    Py_CLEAR(self->context);
    Py_CLEAR(self->more);
    Py_CLEAR(self->reason);
    return 0;
}

static void
Answer_dealloc(Answer *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->unseen && PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0) return;
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) PyObject_ClearWeakRefs((PyObject *)self);
    Answer_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
Answer_repr(Answer *self)
{
    if (self->phase == PENDING) return PyUnicode_FromString("<Answer pending>");
    if (self->phase == CANCELLED) return PyUnicode_FromString("<Answer cancelled>");
    return PyUnicode_FromFormat("<Answer finished %s=%R>", self->failed ? "exception" : "result",
                                self->value);
}

static PyMethodDef Answer_methods[] = {
    {"result", (PyCFunction)Answer_result, METH_NOARGS, NULL},
    {"exception", (PyCFunction)Answer_exception, METH_NOARGS, NULL},
    {"set_result", (PyCFunction)Answer_set_result, METH_O, NULL},
    {"set_exception", (PyCFunction)Answer_set_exception, METH_O, NULL},
    {"cancel", (PyCFunction)(void (*)(void))Answer_cancel, METH_VARARGS | METH_KEYWORDS, NULL},
    {"done", (PyCFunction)Answer_done, METH_NOARGS, NULL},
    {"cancelled", (PyCFunction)Answer_cancelled, METH_NOARGS, NULL},
    {"get_loop", (PyCFunction)Answer_get_loop, METH_NOARGS, NULL},
    {"add_done_callback", (PyCFunction)(void (*)(void))Answer_add_done_callback,
     METH_FASTCALL | METH_KEYWORDS, NULL},
    {"remove_done_callback", (PyCFunction)Answer_remove_done_callback, METH_O, NULL},
    {"_make_cancelled_error", (PyCFunction)Answer_make_cancelled_error, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

/* asyncio.gather looks at it. */
static PyObject *
Answer_get_reason(Answer *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->reason == NULL ? Py_None : self->reason);
}

static PyGetSetDef Answer_getset[] = {
    {"_cancel_message", (getter)Answer_get_reason, NULL, NULL, NULL},
    {"_asyncio_future_blocking", (getter)Answer_get_blocking, (setter)Answer_set_blocking, NULL,
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef Answer_members[] = {
    {"_loop", T_OBJECT, offsetof(Answer, loop), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Answer, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot Answer_slots[] = {
    {Py_tp_new, Answer_new},
    {Py_tp_dealloc, Answer_dealloc},
    {Py_tp_finalize, Answer_finalize},
    {Py_tp_traverse, Answer_traverse},
    {Py_tp_clear, Answer_clear},
    {Py_tp_repr, Answer_repr},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, Answer_next},
    {Py_am_await, Answer_await},
    {Py_am_send, Answer_send},
    {Py_tp_methods, Answer_methods},
    {Py_tp_getset, Answer_getset},
    {Py_tp_members, Answer_members},
    {Py_tp_doc, "Answer(loop): the future of a call's answer; see harness.client.answers."},
    {0, NULL},
};

static PyType_Spec Answer_spec = {
    .name = "harness.client._answer.Answer",
    .basicsize = sizeof(Answer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Answer_slots,
};

/* --- callables for reducers ------------------------------------------------------------------- */

/* What all callables of a client share: where calls go, and whether they are on their way. */
typedef struct {
    PyObject_HEAD
    PyObject *loop;
    PyObject *call;       /* callable(name, args, waiter), or NULL: calls need more than that */
    PyObject *flush_soon; /* called once for all calls of a tick */
    char flushing;
} Port;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    Port *port;
    PyObject *name, *encode;
    PyObject *slowly; /* does the same with everything that can be wrong or unusual */
    Py_ssize_t parameters;
} Caller;

static PyObject *
Caller_vectorcall(Caller *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Port *port = self->port;
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    if (port->call == NULL || names != NULL || count != self->parameters) {
        return PyObject_Vectorcall(self->slowly, args, nargsf, names);
    }
    PyObject *values = PyTuple_New(count);
    if (values == NULL) return NULL;
    for (Py_ssize_t at = 0; at < count; at++) PyTuple_SET_ITEM(values, at, Py_NewRef(args[at]));
    PyObject *data = PyObject_CallOneArg(self->encode, values);
    Py_DECREF(values);
    if (data == NULL) return NULL;
    /* Encoding may have run foreign code. */
    PyObject *call = Py_XNewRef(port->call);
    if (call == NULL) {
        Py_DECREF(data);
        return PyObject_Vectorcall(self->slowly, args, nargsf, names);
    }
    State *state = state_of(Py_TYPE(self));
    PyObject *answer =
        state == NULL ? NULL
                      : Answer_vectorcall((PyObject *)state->answer_type, &port->loop, 1, NULL);
    PyObject *id = NULL;
    if (answer != NULL) {
        PyObject *given[] = {self->name, data, answer};
        id = PyObject_Vectorcall(call, given, 3, NULL);
    }
    Py_DECREF(call);
    Py_DECREF(data);
    if (id == NULL) {
        Py_XDECREF(answer);
        return NULL;
    }
    Py_DECREF(id);
    if (!port->flushing) {
        PyObject *found = PyObject_CallNoArgs(port->flush_soon);
        if (found == NULL) {
            Py_DECREF(answer);
            return NULL;
        }
        Py_DECREF(found);
    }
    return answer;
}

static PyObject *
Port_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"loop", "flush_soon", NULL};
    PyObject *loop, *flush_soon;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO", names, &loop, &flush_soon)) return NULL;
    Port *self = (Port *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->loop = Py_NewRef(loop);
    self->flush_soon = Py_NewRef(flush_soon);
    return (PyObject *)self;
}

static int
Port_traverse(Port *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->call);
    Py_VISIT(self->flush_soon);
    return 0;
}

static int
Port_clear(Port *self)
{
    Py_CLEAR(self->call);
    return 0; /* a caller may still ask for the others */
}

static void
Port_dealloc(Port *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->loop);
    Py_XDECREF(self->call);
    Py_XDECREF(self->flush_soon);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
Port_get_call(Port *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->call == NULL ? Py_None : self->call);
}

static int
Port_set_call(Port *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(self->call, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyGetSetDef Port_getset[] = {
    {"call", (getter)Port_get_call, (setter)Port_set_call, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef Port_members[] = {
    {"flushing", T_BOOL, offsetof(Port, flushing), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot Port_slots[] = {
    {Py_tp_new, Port_new},
    {Py_tp_dealloc, Port_dealloc},
    {Py_tp_traverse, Port_traverse},
    {Py_tp_clear, Port_clear},
    {Py_tp_getset, Port_getset},
    {Py_tp_members, Port_members},
    {Py_tp_doc, "Port(loop, flush_soon): see harness.client.answers."},
    {0, NULL},
};

static PyType_Spec Port_spec = {
    .name = "harness.client._answer.Port",
    .basicsize = sizeof(Port),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Port_slots,
};

static PyObject *
Caller_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"port", "name", "parameters", "encode", "slowly", NULL};
    State *state = state_of(type);
    PyObject *port, *name, *encode, *slowly;
    Py_ssize_t parameters;
    if (state == NULL
        || !PyArg_ParseTupleAndKeywords(args, keywords, "O!UnOO", names, state->port_type, &port,
                                        &name, &parameters, &encode, &slowly)) {
        return NULL;
    }
    Caller *self = (Caller *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->vectorcall = (vectorcallfunc)Caller_vectorcall;
    self->port = (Port *)Py_NewRef(port);
    self->name = Py_NewRef(name);
    self->encode = Py_NewRef(encode);
    self->slowly = Py_NewRef(slowly);
    self->parameters = parameters;
    return (PyObject *)self;
}

static int
Caller_traverse(Caller *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)self->port);
    Py_VISIT(self->encode);
    Py_VISIT(self->slowly);
    return 0;
}

static void
Caller_dealloc(Caller *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->port);
    Py_XDECREF(self->name);
    Py_XDECREF(self->encode);
    Py_XDECREF(self->slowly);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
Caller_repr(Caller *self)
{
    return PyObject_Repr(self->slowly);
}

static PyMemberDef Caller_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Caller, vectorcall), READONLY, NULL},
    {"__wrapped__", T_OBJECT, offsetof(Caller, slowly), READONLY, NULL},
    {"encode", T_OBJECT, offsetof(Caller, encode), READONLY, "The arguments in order, as bytes."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot Caller_slots[] = {
    {Py_tp_new, Caller_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_dealloc, Caller_dealloc},
    {Py_tp_traverse, Caller_traverse},
    {Py_tp_repr, Caller_repr},
    {Py_tp_members, Caller_members},
    {Py_tp_doc, "Caller(port, name, parameters, encode, slowly): see harness.client.answers."},
    {0, NULL},
};

static PyType_Spec Caller_spec = {
    .name = "harness.client._answer.Caller",
    .basicsize = sizeof(Caller),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL
             | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Caller_slots,
};

/* --- the module ------------------------------------------------------------------------------ */

static PyObject *
imported(const char *module, const char *name)
{
    PyObject *found = PyImport_ImportModule(module);
    if (found == NULL) return NULL;
    PyObject *value = PyObject_GetAttrString(found, name);
    Py_DECREF(found);
    return value;
}

static int
module_exec(PyObject *module)
{
    State *state = PyModule_GetState(module);
#define LOAD(place, expression) \
    if ((state->place = (expression)) == NULL) return -1
    LOAD(cancelled_error, imported("asyncio", "CancelledError"));
    LOAD(invalid_state, imported("asyncio", "InvalidStateError"));
    LOAD(call_soon, PyUnicode_InternFromString("call_soon"));
    LOAD(call_exception_handler, PyUnicode_InternFromString("call_exception_handler"));
    LOAD(context, PyUnicode_InternFromString("context"));
    LOAD(done, PyUnicode_InternFromString("done"));
    LOAD(set_result, PyUnicode_InternFromString("set_result"));
    LOAD(answer_type, (PyTypeObject *)PyType_FromModuleAndSpec(module, &Answer_spec, NULL));
    state->answer_type->tp_vectorcall = Answer_vectorcall;
    LOAD(port_type, (PyTypeObject *)PyType_FromModuleAndSpec(module, &Port_spec, NULL));
    LOAD(caller_type, (PyTypeObject *)PyType_FromModuleAndSpec(module, &Caller_spec, NULL));
    LOAD(wake, PyObject_GetAttrString(module, "_wake"));
#undef LOAD
    if (PyModule_AddType(module, state->answer_type) < 0
        || PyModule_AddType(module, state->port_type) < 0) {
        return -1;
    }
    return PyModule_AddType(module, state->caller_type);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->cancelled_error);
    Py_VISIT(state->invalid_state);
    Py_VISIT(state->answer_type);
    Py_VISIT(state->port_type);
    Py_VISIT(state->caller_type);
    Py_VISIT(state->wake);
    return 0;
}

static int
module_clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->cancelled_error);
    Py_CLEAR(state->invalid_state);
    Py_CLEAR(state->call_soon);
    Py_CLEAR(state->call_exception_handler);
    Py_CLEAR(state->context);
    Py_CLEAR(state->done);
    Py_CLEAR(state->set_result);
    Py_CLEAR(state->answer_type);
    Py_CLEAR(state->port_type);
    Py_CLEAR(state->caller_type);
    Py_CLEAR(state->wake);
    return 0;
}

static void
module_free(void *module)
{
    module_clear((PyObject *)module);
}

static PyMethodDef module_methods[] = {
    {"settle", settle, METH_O,
     "settle(waiters, /)\n--\n\nLet None be the result of all of them that are not done."},
    {"_wake", wake, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "harness.client._answer",
    .m_doc = "Futures of answers, in C; see harness.client.answers.",
    .m_size = sizeof(State),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__answer(void)
{
    return PyModuleDef_Init(&module_def);
}
