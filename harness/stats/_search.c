/* The hot loops of the search for changes: where a series could be split, and what a model leaves.
 *
 * Theory of operation. `Path` looks at the stretches of seeded binary segmentation once, keeps of
 * each its best split, and hands those out by gain; each step is one pass over what is left. `fit`
 * and `left_over` copy the series and the columns of its model into scratch memory, take the mean
 * of each level out of them there, solve the small system that remains, and look at its errors
 * while they are still in the processor's cache.
 *
 * What holds throughout:
 *  - Input is checked before anything is written: types, lengths, the order of changes, and that
 *    sums are finite, which they are not if a value is not.
 *  - Memory is a few times that of the input, and freed on every way out; an error leaves nothing
 *    but the exception. Nothing runs foreign code, so buffers stay what they were.
 *  - Splits are bit for bit those of the twin: the same operations in the same order, never fused
 *    (-ffp-contract=off in setup.py). Errors and noise are equal up to rounding: sums run in
 *    lanes, which the compiler turns into vectors without being allowed to reorder anything.
 *
 * The twins are in harness.stats.splits, models and autoregression, and have the sources of the
 * method; the limits of it are arguments, so that each stands in one place.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Columns of a model: a slope and two waves are five. */
#define MOST_COLUMNS 16

/* Independent sums, so that each addition need not wait for the last. */
#define LANES 8

/* --- arguments ------------------------------------------------------------------------------- */

/* A buffer of doubles in `dimensions`; the caller releases it if this gives 0, else its `obj` is
 * NULL. */
static int
take_doubles(PyObject *given, int dimensions, int flags, const char *what, Py_buffer *view)
{
    if (PyObject_GetBuffer(given, view, flags | PyBUF_FORMAT | PyBUF_STRIDES) < 0) return -1;
    int fits = view->ndim == dimensions && view->itemsize == (Py_ssize_t)sizeof(double)
        && view->format != NULL && strcmp(view->format, "d") == 0
        && (uintptr_t)view->buf % sizeof(double) == 0;
    for (int i = 0; fits && i < dimensions; i++) {
        fits = view->strides[i] % (Py_ssize_t)sizeof(double) == 0;
    }
    if (fits && dimensions == 1 && view->shape[0] > 1) {
        fits = view->strides[0] == (Py_ssize_t)sizeof(double);
    }
    if (fits) return 0;
    PyErr_Format(PyExc_TypeError, "%s must be float64 in %s", what,
                 dimensions == 1 ? "one piece" : "two dimensions");
    PyBuffer_Release(view);
    return -1;
}

static int
is_count(const char *name, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted) return 1;
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, got %zd", name, wanted, given);
    return 0;
}

static PyObject *
not_finite(void)
{
    PyErr_SetString(PyExc_ValueError, "values must be finite");
    return NULL;
}

/* --- sums ------------------------------------------------------------------------------------ */

static double
together(const double *lanes)
{
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static double
sum(const double *x, Py_ssize_t count)
{
    double lanes[LANES] = {0.0};
    Py_ssize_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int k = 0; k < LANES; k++) lanes[k] += x[i + k];
    }
    double rest = 0.0;
    for (; i < count; i++) rest += x[i];
    return together(lanes) + rest;
}

static double
dot(const double *x, const double *y, Py_ssize_t count)
{
    double lanes[LANES] = {0.0};
    Py_ssize_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int k = 0; k < LANES; k++) lanes[k] += x[i + k] * y[i + k];
    }
    double rest = 0.0;
    for (; i < count; i++) rest += x[i] * y[i];
    return together(lanes) + rest;
}

/* The sum of squares of what is new in each error but the first, which passes on `first` of the one
 * before and `second` of the one before that. */
static double
fresh_squares(const double *errors, Py_ssize_t count, double first, double second)
{
    double lanes[LANES] = {0.0}, rest = 0.0;
    Py_ssize_t i = 1;
    if (count > 1) {
        double fresh = errors[1] - (first + second) * errors[0];
        rest = fresh * fresh;
        i = 2;
    }
    for (; i + LANES <= count; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            double fresh = errors[i + k] - first * errors[i + k - 1] - second * errors[i + k - 2];
            lanes[k] += fresh * fresh;
        }
    }
    for (; i < count; i++) {
        double fresh = errors[i] - first * errors[i - 1] - second * errors[i - 2];
        rest += fresh * fresh;
    }
    return together(lanes) + rest;
}

/* --- where to split -------------------------------------------------------------------------- */

typedef struct {
    Py_ssize_t begin, end, at;
    double gain;
} Stretch;

/* What weighs a split of stretches of one length, by how much lies left of it. */
typedef struct {
    Py_ssize_t length, shortest;
    double *share, *weight; /* the first is that of the shortest left part */
} Weights;

static void
weigh(Weights *w, Py_ssize_t length)
{
    w->length = length;
    for (Py_ssize_t left = w->shortest; left <= length - w->shortest; left++) {
        w->share[left - w->shortest] = (double)left / (double)length;
        w->weight[left - w->shortest] =
            (double)length / (double)((int64_t)left * (int64_t)(length - left));
    }
}

/* The best split of the stretch that begins at `begin`: the first one, if several are. */
static Stretch
best_of(const double *sums, Py_ssize_t begin, const Weights *w)
{
    double base = sums[begin], total = sums[begin + w->length] - base;
    const double *partial = sums + begin + w->shortest;
    Py_ssize_t places = w->length - 2 * w->shortest + 1, at = 0;
    double most = -1.0;
    for (Py_ssize_t i = 0; i < places; i++) {
        double apart = (partial[i] - base) - total * w->share[i];
        double gain = apart * apart * w->weight[i];
        if (gain > most) {
            most = gain;
            at = i;
        }
    }
    return (Stretch){begin, begin + w->length, begin + w->shortest + at, most};
}

/* Stretches of `length` over `count` points, each half over the next. */
static Py_ssize_t
number_of(Py_ssize_t count, double length)
{
    return 2 * (Py_ssize_t)ceil((double)count / length) - 1;
}

/* Fills `into`, which has room, with the stretches of all lengths; the number of them. */
static Py_ssize_t
search(const double *sums, Py_ssize_t count, double decay, Weights *w, Stretch *into)
{
    Py_ssize_t found = 0;
    for (double length = (double)count; ceil(length) >= 2.0 * (double)w->shortest; length /= decay) {
        Py_ssize_t whole = (Py_ssize_t)ceil(length), number = number_of(count, length);
        double step = number > 1 ? (double)(count - whole) / (double)(number - 1) : 0.0;
        Py_ssize_t last = -1;
        weigh(w, whole);
        for (Py_ssize_t i = 0; i < number; i++) {
            Py_ssize_t begin =
                i == number - 1 ? count - whole : (Py_ssize_t)((double)i * step);
            if (begin == last) continue;
            into[found++] = best_of(sums, begin, w);
            last = begin;
        }
    }
    return found;
}

static int
new_weights(Weights *w, Py_ssize_t count, Py_ssize_t shortest)
{
    w->shortest = shortest;
    w->share = PyMem_New(double, count + 1);
    w->weight = PyMem_New(double, count + 1);
    if (w->share != NULL && w->weight != NULL) return 0;
    PyMem_Free(w->share);
    PyMem_Free(w->weight);
    PyErr_NoMemory();
    return -1;
}

static void
free_weights(Weights *w)
{
    PyMem_Free(w->share);
    PyMem_Free(w->weight);
}

/* Running sums that begin with 0, and how short a level may be; the caller releases `view`. */
static int
take_sums(PyObject *const *given, Py_buffer *view, Py_ssize_t *shortest)
{
    *shortest = PyLong_AsSsize_t(given[1]);
    if (*shortest == -1 && PyErr_Occurred()) return -1;
    if (take_doubles(given[0], 1, 0, "sums", view) < 0) return -1;
    Py_ssize_t sums = view->shape[0];
    if (*shortest < 1 || *shortest > PY_SSIZE_T_MAX / 4) {
        PyErr_Format(PyExc_ValueError, "a level has 1 point at least, not %zd", *shortest);
    }
    else if (sums < 1 || sums > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "sums are 1 to %d, not %zd", INT32_MAX, sums);
    }
    else if (!isfinite(((const double *)view->buf)[sums - 1])) {
        not_finite(); /* a running sum never comes back from infinity */
    }
    else {
        return 0;
    }
    PyBuffer_Release(view);
    return -1;
}

static PyObject *
best(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    Py_buffer view;
    Weights w;
    Py_ssize_t shortest;
    if (!is_count("best", count, 2) || take_sums(given, &view, &shortest) < 0) return NULL;
    Py_ssize_t points = view.shape[0] - 1;
    PyObject *found = NULL;
    if (points < 2 * shortest) {
        found = Py_NewRef(Py_None);
    }
    else if (new_weights(&w, points, shortest) == 0) {
        weigh(&w, points);
        found = PyLong_FromSsize_t(best_of(view.buf, 0, &w).at);
        free_weights(&w);
    }
    PyBuffer_Release(&view);
    return found;
}

typedef struct {
    PyObject_HEAD
    Stretch *left;
    Py_ssize_t count;
    Py_ssize_t split; /* the one given last, 0 before the first */
} Path;

static PyObject *
Path_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *given[2];
    double decay;
    if (keywords != NULL && PyDict_GET_SIZE(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Path takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "OOd:Path", &given[0], &given[1], &decay)) return NULL;
    if (!(decay >= 1.1) || !isfinite(decay)) {
        PyErr_SetString(PyExc_ValueError, "stretches become shorter by a factor of 1.1 at least");
        return NULL;
    }
    Py_buffer view;
    Weights w;
    Py_ssize_t shortest;
    if (take_sums(given, &view, &shortest) < 0) return NULL;
    Py_ssize_t points = view.shape[0] - 1, room = 0;
    for (double length = (double)points; ceil(length) >= 2.0 * (double)shortest; length /= decay) {
        room += number_of(points, length);
    }
    Path *self = (Path *)type->tp_alloc(type, 0);
    if (self != NULL && room > 0) {
        self->left = PyMem_New(Stretch, room);
        if (self->left == NULL) {
            PyErr_NoMemory();
            Py_CLEAR(self);
        }
        else if (new_weights(&w, points, shortest) < 0) {
            Py_CLEAR(self);
        }
        else {
            self->count = search(view.buf, points, decay, &w, self->left);
            free_weights(&w);
        }
    }
    PyBuffer_Release(&view);
    return (PyObject *)self;
}

static PyObject *
Path_next(Path *self)
{
    Py_ssize_t kept = 0, split = 0;
    double most = -1.0;
    for (Py_ssize_t i = 0; i < self->count; i++) {
        Stretch *one = &self->left[i];
        if (one->begin < self->split && one->end > self->split) continue;
        if (one->gain > most) {
            most = one->gain;
            split = one->at;
        }
        if (kept != i) self->left[kept] = *one;
        kept++;
    }
    self->count = kept;
    if (kept == 0) return NULL;
    self->split = split;
    return PyLong_FromSsize_t(split);
}

static void
Path_dealloc(Path *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(self->left);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot Path_slots[] = {
    {Py_tp_new, Path_new},
    {Py_tp_dealloc, Path_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, Path_next},
    {Py_tp_doc, "Path(sums, shortest, decay, /)\n--\n\nSplits in the order of their gains."},
    {0, NULL},
};

static PyType_Spec Path_spec = {
    .name = "harness.stats._search.Path",
    .basicsize = sizeof(Path),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = Path_slots,
};

/* --- what a model leaves --------------------------------------------------------------------- */

/* A series and its model, taken out of Python; `scratch` holds columns, then the series. */
typedef struct {
    Py_buffer values, columns; /* columns.obj is NULL without any */
    Py_ssize_t count, levels, width;
    Py_ssize_t *bounds; /* levels + 1 */
    double *scratch;
    double solved[MOST_COLUMNS];
} Fit;

static double *
column_of(const Fit *f, Py_ssize_t number)
{
    return f->scratch + number * f->count;
}

static void
free_fit(Fit *f)
{
    PyMem_Free(f->bounds);
    PyMem_Free(f->scratch);
    if (f->columns.obj != NULL) PyBuffer_Release(&f->columns);
    if (f->values.obj != NULL) PyBuffer_Release(&f->values);
}

static int
take_changes(Fit *f, PyObject *changes)
{
    if (!PyList_Check(changes)) {
        PyErr_SetString(PyExc_TypeError, "changes are a list");
        return -1;
    }
    f->levels = PyList_GET_SIZE(changes) + 1;
    if (f->levels > f->count) {
        PyErr_Format(PyExc_ValueError, "%zd levels in %zd points", f->levels, f->count);
        return -1;
    }
    f->bounds = PyMem_New(Py_ssize_t, f->levels + 1);
    if (f->bounds == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    f->bounds[0] = 0;
    f->bounds[f->levels] = f->count;
    for (Py_ssize_t i = 1; i < f->levels; i++) {
        PyObject *item = PyList_GET_ITEM(changes, i - 1);
        if (!PyLong_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "changes are integers");
            return -1;
        }
        f->bounds[i] = PyLong_AsSsize_t(item);
        if (f->bounds[i] == -1 && PyErr_Occurred()) PyErr_Clear(); /* far out of range, as -1 is */
        if (f->bounds[i] <= f->bounds[i - 1] || f->bounds[i] >= f->count) {
            PyErr_SetString(PyExc_ValueError, "changes must ascend within the series");
            return -1;
        }
    }
    return 0;
}

/* Takes values, changes and columns out of Python. After -1, as after 0, `free_fit` is due. */
static int
take_fit(Fit *f, PyObject *values, PyObject *changes, PyObject *columns)
{
    memset(f, 0, sizeof(*f));
    if (take_doubles(values, 1, 0, "values", &f->values) < 0) return -1;
    f->count = f->values.shape[0];
    if (columns != Py_None) {
        if (take_doubles(columns, 2, 0, "columns", &f->columns) < 0) return -1;
        f->width = f->columns.shape[1];
        if (f->columns.shape[0] != f->count || f->width > MOST_COLUMNS) {
            PyErr_Format(PyExc_ValueError, "%zd values with %zd columns of %zd", f->count,
                         f->width, f->columns.shape[0]);
            return -1;
        }
    }
    if (take_changes(f, changes) < 0) return -1;
    if (f->count > PY_SSIZE_T_MAX / (MOST_COLUMNS + 1)) {
        PyErr_NoMemory();
        return -1;
    }
    f->scratch = PyMem_New(double, (f->width + 1) * f->count);
    if (f->scratch == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Copies a column and takes the mean of each level out of the copy; -1 if it is not finite. */
static int
around_levels(const Fit *f, const char *from, Py_ssize_t stride, double *into)
{
    if (stride == (Py_ssize_t)sizeof(double)) {
        memcpy(into, from, (size_t)f->count * sizeof(double));
    }
    else {
        for (Py_ssize_t i = 0; i < f->count; i++) {
            into[i] = *(const double *)(from + i * stride);
        }
    }
    for (Py_ssize_t level = 0; level < f->levels; level++) {
        Py_ssize_t begin = f->bounds[level], size = f->bounds[level + 1] - begin;
        double mean = sum(into + begin, size) / (double)size;
        if (!isfinite(mean)) return -1;
        double *part = into + begin;
        for (Py_ssize_t i = 0; i < size; i++) part[i] -= mean;
    }
    return 0;
}

/* Solves a small system by elimination; -1 if its columns depend on each other. */
static int
solve(double system[MOST_COLUMNS][MOST_COLUMNS + 1], Py_ssize_t width, double *solved)
{
    for (Py_ssize_t step = 0; step < width; step++) {
        Py_ssize_t pivot = step;
        for (Py_ssize_t row = step + 1; row < width; row++) {
            if (fabs(system[row][step]) > fabs(system[pivot][step])) pivot = row;
        }
        if (system[pivot][step] == 0.0) return -1;
        for (Py_ssize_t k = step; k <= width; k++) {
            double swapped = system[pivot][k];
            system[pivot][k] = system[step][k];
            system[step][k] = swapped;
        }
        for (Py_ssize_t row = step + 1; row < width; row++) {
            double times = system[row][step] / system[step][step];
            for (Py_ssize_t k = step; k <= width; k++) system[row][k] -= times * system[step][k];
        }
    }
    for (Py_ssize_t row = width - 1; row >= 0; row--) {
        double right = system[row][width];
        for (Py_ssize_t k = row + 1; k < width; k++) right -= system[row][k] * solved[k];
        solved[row] = right / system[row][row];
        if (!isfinite(solved[row])) return -1;
    }
    return 0;
}

typedef enum { FITTED, DEPENDENT, NOT_FINITE } Outcome;

/* Least squares; the errors are in the scratch column `width` then. The levels are taken out of
 * both sides first (Frisch and Waugh 1933). */
static Outcome
fit_levels(Fit *f)
{
    Py_ssize_t width = f->width;
    double *errors = column_of(f, width);
    if (around_levels(f, f->values.buf, sizeof(double), errors) < 0) return NOT_FINITE;
    for (Py_ssize_t i = 0; i < width; i++) {
        const char *from = (const char *)f->columns.buf + i * f->columns.strides[1];
        if (around_levels(f, from, f->columns.strides[0], column_of(f, i)) < 0) return NOT_FINITE;
    }
    double system[MOST_COLUMNS][MOST_COLUMNS + 1];
    for (Py_ssize_t i = 0; i < width; i++) {
        for (Py_ssize_t k = i; k < width; k++) {
            system[i][k] = system[k][i] = dot(column_of(f, i), column_of(f, k), f->count);
        }
        system[i][width] = dot(column_of(f, i), errors, f->count);
    }
    if (solve(system, width, f->solved) < 0) return DEPENDENT;
    for (Py_ssize_t i = 0; i < width; i++) {
        const double *column = column_of(f, i);
        double times = f->solved[i];
        for (Py_ssize_t k = 0; k < f->count; k++) errors[k] -= column[k] * times;
    }
    return FITTED;
}

/* How noise is judged; each limit stands in harness.stats.autoregression. */
typedef struct {
    double floor, most; /* the least variance, and the most that is passed on */
    Py_ssize_t brief; /* series shorter than this know of one error before */
    double price; /* of knowing of two, in logarithms of the number of points */
} Limits;

/* (log_variance, rho, first, second), as harness.stats.autoregression has them. */
static PyObject *
noise_of(const double *errors, Py_ssize_t count, Py_ssize_t levels, Py_ssize_t slopes,
         const Limits *limits)
{
    double first = 0.0, second = 0.0, rho = 0.0, most = limits->most;
    double variance = limits->floor, total = dot(errors, errors, count);
    if (!isfinite(total)) return not_finite();
    if (total > limits->floor * (double)count && count >= 3) {
        double near = dot(errors + 1, errors, count - 1) / total;
        rho = near + ((1 + 3 * near) * (double)levels + (1 + near) * (double)slopes) / (double)count;
        rho = rho > 0.0 ? (rho < most ? rho : most) : 0.0;
        first = rho;
        if (count >= limits->brief && near > 0.0) {
            double far = dot(errors + 2, errors, count - 2) / total;
            double part = (far - near * near) / (1 - near * near);
            part = part < most ? (part > -most ? part : -most) : most;
            if (-(double)count * log1p(-part * part) > limits->price * log((double)count)) {
                first = rho * (1 - part);
                second = part;
            }
        }
        Py_ssize_t free = count - 1 - levels - slopes;
        variance = fresh_squares(errors, count, first, second) / (double)(free > 1 ? free : 1);
        double least = limits->floor * (1 + first * first + second * second);
        if (!(variance > least)) variance = least;
    }
    return Py_BuildValue("dddd", log(variance), rho, first, second);
}

static int
take_limits(PyObject *const *given, Limits *limits)
{
    limits->floor = PyFloat_AsDouble(given[0]);
    if (limits->floor == -1.0 && PyErr_Occurred()) return -1;
    limits->most = PyFloat_AsDouble(given[1]);
    if (limits->most == -1.0 && PyErr_Occurred()) return -1;
    limits->brief = PyLong_AsSsize_t(given[2]);
    if (limits->brief == -1 && PyErr_Occurred()) return -1;
    limits->price = PyFloat_AsDouble(given[3]);
    if (limits->price == -1.0 && PyErr_Occurred()) return -1;
    if (limits->floor > 0.0 && isfinite(limits->floor) && limits->most >= 0.0
        && limits->most < 1.0 && limits->price >= 0.0) {
        return 0;
    }
    PyErr_SetString(PyExc_ValueError, "the floor is above 0, and less than 1 is passed on");
    return -1;
}

static int
take_number(PyObject *given, Py_ssize_t *number)
{
    *number = PyLong_AsSsize_t(given);
    if (*number == -1 && PyErr_Occurred()) return -1;
    if (*number >= 0) return 0;
    PyErr_Format(PyExc_ValueError, "%zd parameters", *number);
    return -1;
}

static PyObject *
noise(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    Limits limits;
    Py_buffer view;
    Py_ssize_t levels, slopes;
    if (!is_count("noise", count, 7) || take_limits(given + 3, &limits) < 0) return NULL;
    if (take_number(given[1], &levels) < 0 || take_number(given[2], &slopes) < 0) return NULL;
    if (take_doubles(given[0], 1, 0, "errors", &view) < 0) return NULL;
    PyObject *found = noise_of(view.buf, view.shape[0], levels, slopes, &limits);
    PyBuffer_Release(&view);
    return found;
}

static PyObject *
left_over(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    Limits limits;
    Fit f;
    Py_ssize_t slopes;
    if (!is_count("left_over", count, 8) || take_limits(given + 4, &limits) < 0) return NULL;
    if (take_number(given[3], &slopes) < 0) return NULL;
    PyObject *found = NULL;
    if (take_fit(&f, given[0], given[1], given[2]) == 0) {
        if (slopes > f.width) {
            PyErr_Format(PyExc_ValueError, "%zd slopes in %zd columns", slopes, f.width);
        }
        else {
            Outcome outcome = fit_levels(&f);
            found = outcome == NOT_FINITE ? not_finite()
                : outcome == DEPENDENT ? Py_NewRef(Py_None)
                : noise_of(column_of(&f, f.width), f.count, f.levels + f.width - slopes, slopes,
                           &limits);
        }
    }
    free_fit(&f);
    return found;
}

/* Writes the errors, and the values without what the model has beside levels. */
static void
write_fit(const Fit *f, double *rest, double *errors)
{
    memmove(rest, f->values.buf, (size_t)f->count * sizeof(double));
    for (Py_ssize_t i = 0; i < f->width; i++) {
        const char *from = (const char *)f->columns.buf + i * f->columns.strides[1];
        Py_ssize_t stride = f->columns.strides[0];
        for (Py_ssize_t k = 0; k < f->count; k++) {
            rest[k] -= *(const double *)(from + k * stride) * f->solved[i];
        }
    }
    memcpy(errors, column_of(f, f->width), (size_t)f->count * sizeof(double));
}

static PyObject *
fit(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    Fit f;
    Py_buffer rest, errors;
    if (!is_count("fit", count, 5)) return NULL;
    if (take_doubles(given[3], 1, PyBUF_WRITABLE, "rest", &rest) < 0) return NULL;
    if (take_doubles(given[4], 1, PyBUF_WRITABLE, "errors", &errors) < 0) {
        PyBuffer_Release(&rest);
        return NULL;
    }
    PyObject *found = NULL;
    if (take_fit(&f, given[0], given[1], given[2]) == 0) {
        if (rest.shape[0] != f.count || errors.shape[0] != f.count) {
            PyErr_Format(PyExc_ValueError, "%zd values, and room for %zd and %zd", f.count,
                         rest.shape[0], errors.shape[0]);
        }
        else {
            Outcome outcome = fit_levels(&f);
            if (outcome == FITTED) write_fit(&f, rest.buf, errors.buf);
            found = outcome == NOT_FINITE ? not_finite() : PyBool_FromLong(outcome == FITTED);
        }
    }
    free_fit(&f);
    PyBuffer_Release(&errors);
    PyBuffer_Release(&rest);
    return found;
}

/* --- the module ------------------------------------------------------------------------------ */

static PyMethodDef module_methods[] = {
    {"best", (PyCFunction)(void (*)(void))best, METH_FASTCALL,
     "best(sums, shortest, /)\n--\n\nThe one best split; None if there are too few points."},
    {"noise", (PyCFunction)(void (*)(void))noise, METH_FASTCALL,
     "noise(errors, levels, slopes, floor, most, brief, price, /)\n--\n\nLog of the variance of what "
     "is new in each error, and the parts that are passed on."},
    {"left_over", (PyCFunction)(void (*)(void))left_over, METH_FASTCALL,
     "left_over(values, changes, columns, slopes, floor, most, brief, price, /)\n--\n\nThe noise "
     "around a model, of whose columns so many are slopes; None if they depend on each other."},
    {"fit", (PyCFunction)(void (*)(void))fit, METH_FASTCALL,
     "fit(values, changes, columns, rest, errors, /)\n--\n\nFills rest and errors; False, and "
     "nothing filled, if the columns depend on each other."},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &Path_spec, NULL);
    if (type == NULL) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "harness.stats._search",
    .m_doc = "The search for changes in C; splits, models and autoregression are its twins.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__search(void)
{
    return PyModuleDef_Init(&module_def);
}
