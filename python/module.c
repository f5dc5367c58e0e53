/* pyro_mcp._pyro: the public C API for Python, text in and text out; the rest of the package is
 * Python.
 *
 * Each call opens a context of its own and runs in a thread of its own, so no state is shared
 * between threads, interpreters or processes. The thread that called waits without the GIL, runs
 * the callbacks (as Python's own calls would), and looks after signals, which only Python's main
 * thread may do.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pyro/pyro.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A signal that another thread was given is seen after this long at the latest. */
enum { SIGNAL_CHECK_MS = 50 };

enum event { EVENT_NONE, EVENT_OUTPUT, EVENT_PROGRESS, EVENT_END };

struct call {
    struct pyro_options options;
    const char *operation, *parameters;
    int cancel_fd, wake_fd;
    pthread_t thread;

    /* The worker sets an event and waits until the caller has answered it. */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    enum event event;
    int answer;
    enum pyro_stream stream;
    const void *bytes;
    size_t size_bytes;
    const struct pyro_progress *progress;

    int status;
    char *result_json;
    struct pyro_error error;
};

/* ---- in the worker ---- */

static int ask_locked(struct call *call, enum event event)
{
    call->event = event;
    eventfd_write(call->wake_fd, 1);
    while (call->event != EVENT_NONE)
        pthread_cond_wait(&call->answered, &call->lock);
    return call->answer;
}

static int on_output(void *userdata, enum pyro_stream stream, const void *bytes, size_t size_bytes)
{
    struct call *call = userdata;
    pthread_mutex_lock(&call->lock);
    call->stream = stream;
    call->bytes = bytes;
    call->size_bytes = size_bytes;
    int answer = ask_locked(call, EVENT_OUTPUT);
    pthread_mutex_unlock(&call->lock);
    return answer;
}

static void on_progress(void *userdata, const struct pyro_progress *progress)
{
    struct call *call = userdata;
    pthread_mutex_lock(&call->lock);
    call->progress = progress;
    ask_locked(call, EVENT_PROGRESS);
    pthread_mutex_unlock(&call->lock);
}

static int perform(struct call *call)
{
    struct pyro_context *context;
    struct pyro_observer observer = {
        .userdata = call,
        .output = on_output,
        .progress = on_progress,
        .cancel_fd = call->cancel_fd,
        .stdin_fd = -1,
    };
    if (pyro_open(&call->options, &context, &call->error) < 0)
        return -1;
    int status = pyro_call(context, call->operation, call->parameters, &observer,
                           &call->result_json, &call->error);
    pyro_close(context);
    return status;
}

static void *work(void *userdata)
{
    struct call *call = userdata;
    call->status = perform(call);
    pthread_mutex_lock(&call->lock);
    call->event = EVENT_END;
    eventfd_write(call->wake_fd, 1);
    pthread_mutex_unlock(&call->lock);
    return NULL;
}

/* ---- in the thread that called ---- */

static enum event next_event(struct call *call)
{
    struct pollfd wake = {.fd = call->wake_fd, .events = POLLIN};
    eventfd_t ignored;
    if (poll(&wake, 1, SIGNAL_CHECK_MS) > 0)
        eventfd_read(call->wake_fd, &ignored);
    pthread_mutex_lock(&call->lock);
    enum event event = call->event;
    pthread_mutex_unlock(&call->lock);
    return event;
}

static void answer(struct call *call, int value)
{
    pthread_mutex_lock(&call->lock);
    call->answer = value;
    call->event = EVENT_NONE;
    pthread_cond_signal(&call->answered);
    pthread_mutex_unlock(&call->lock);
}

static PyObject *show_output(const struct call *call, PyObject *callback)
{
    if (callback == Py_None)
        Py_RETURN_NONE;
    return PyObject_CallFunction(callback, "sy#", call->stream == PYRO_STDERR ? "stderr" : "stdout",
                                 (const char *)call->bytes, (Py_ssize_t)call->size_bytes);
}

static PyObject *show_progress(const struct call *call, PyObject *callback)
{
    const struct pyro_progress *progress = call->progress;
    if (callback == Py_None)
        Py_RETURN_NONE;
    return PyObject_CallFunction(callback, "sssKK", progress->operation, progress->phase,
                                 progress->message, (unsigned long long)progress->done,
                                 (unsigned long long)progress->total);
}

/* The first exception counts; it cancels the call. */
struct raised {
    PyObject *type, *value, *traceback;
};

static void keep(struct raised *raised, const struct call *call)
{
    if (raised->type) {
        PyErr_Clear();
        return;
    }
    PyErr_Fetch(&raised->type, &raised->value, &raised->traceback);
    eventfd_write(call->cancel_fd, 1);
}

static void show(struct call *call, enum event event, PyObject *output, PyObject *progress,
                 struct raised *raised)
{
    PyObject *shown = NULL;
    if (!raised->type) {
        shown = event == EVENT_OUTPUT ? show_output(call, output) : show_progress(call, progress);
        if (!shown)
            keep(raised, call);
    }
    Py_XDECREF(shown);
    answer(call, raised->type ? -1 : 0);
}

static void wait_for_end(struct call *call, PyObject *output, PyObject *progress,
                         struct raised *raised)
{
    enum event event = EVENT_NONE;
    while (event != EVENT_END) {
        PyThreadState *state = PyEval_SaveThread();
        event = next_event(call);
        if (event == EVENT_END)
            pthread_join(call->thread, NULL);
        PyEval_RestoreThread(state);
        if (PyErr_CheckSignals() < 0)
            keep(raised, call);
        if (event == EVENT_OUTPUT || event == EVENT_PROGRESS)
            show(call, event, output, progress, raised);
    }
}

/* Signals are for Python's own threads. */
static int start(struct call *call)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&call->thread, NULL, work, call);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

/* The tuple that says what failed. */
static PyObject *failure(const struct pyro_error *error)
{
    PyObject *message =
        PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");
    PyObject *hint = PyUnicode_DecodeUTF8(error->hint, (Py_ssize_t)strlen(error->hint), "replace");
    PyObject *tuple = NULL;
    if (message && hint)
        tuple = Py_BuildValue("(sOOsi)", pyro_error_name(error->code), message, hint, error->field,
                              error->errnum);
    Py_XDECREF(message);
    Py_XDECREF(hint);
    return tuple;
}

static PyObject *system_failure(const char *what, int errnum)
{
    struct pyro_error error = {.code = PYRO_ERROR_SYSTEM, .errnum = errnum};
    snprintf(error.message, sizeof(error.message), "%s: %s", what, strerror(errnum));
    return failure(&error);
}

static int append(PyObject *results, const char *json)
{
    PyObject *text = PyUnicode_FromString(json);
    int r = text ? PyList_Append(results, text) : -1;
    Py_XDECREF(text);
    return r;
}

static PyObject *run(struct call *call, PyObject *output, PyObject *progress, PyObject *results)
{
    struct raised raised = {NULL, NULL, NULL};
    int r = start(call);
    if (r != 0)
        return system_failure("cannot start a thread", r);
    wait_for_end(call, output, progress, &raised);
    bool worked = call->status == 0;
    if (worked && append(results, call->result_json) < 0)
        keep(&raised, call);
    pyro_free(call->result_json);
    if (!raised.type)
        return worked ? Py_NewRef(Py_None) : failure(&call->error);
    PyErr_Restore(raised.type, raised.value, raised.traceback);
    return NULL;
}

/* On the heap: a thread that Python ends in the middle of its call leaves it to the worker. */
static struct call *create(int cancel_fd)
{
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    pthread_mutex_init(&call->lock, NULL);
    pthread_cond_init(&call->answered, NULL);
    call->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    call->cancel_fd = cancel_fd;
    return call;
}

static void destroy(struct call *call)
{
    close(call->wake_fd);
    pthread_cond_destroy(&call->answered);
    pthread_mutex_destroy(&call->lock);
    free(call);
}

PyDoc_STRVAR(
    call_doc,
    "call(home, libexec, operation, parameters, on_output, on_progress, cancel_fd, results)\n\n"
    "Calls one operation and appends its result, JSON text, to the list `results`: also when this\n"
    "raises because a signal or a callback did, but too late. Returns None, or, when the "
    "operation\n"
    "failed, the tuple (code, message, hint, field, errno). cancel_fd is an eventfd; writing to "
    "it\n"
    "cancels.");

static PyObject *module_call(PyObject *module, PyObject *args)
{
    const char *home, *libexec, *operation, *parameters;
    PyObject *output, *progress, *results;
    int cancel_fd;
    (void)module;
    if (!PyArg_ParseTuple(args, "yyssOOiO!", &home, &libexec, &operation, &parameters, &output,
                          &progress, &cancel_fd, &PyList_Type, &results))
        return NULL;
    struct call *call = create(cancel_fd);
    if (!call)
        return PyErr_NoMemory();
    call->options.home = *home ? home : NULL;
    call->options.libexec = *libexec ? libexec : NULL;
    call->operation = operation;
    call->parameters = parameters;
    PyObject *result = call->wake_fd < 0 ? system_failure("cannot make an eventfd", errno)
                                         : run(call, output, progress, results);
    destroy(call);
    return result;
}

PyDoc_STRVAR(validate_doc,
             "validate(operation, parameters)\n\n"
             "None, or the tuple that says why the operation would not take them (see call()).");

static PyObject *module_validate(PyObject *module, PyObject *args)
{
    const char *operation, *parameters;
    struct pyro_error error = PYRO_ERROR_INIT;
    (void)module;
    if (!PyArg_ParseTuple(args, "ss", &operation, &parameters))
        return NULL;
    if (pyro_parameters_validate(operation, parameters, &error) < 0)
        return failure(&error);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(operations_doc, "operations()\n\nThe operation table as JSON text.");

static PyObject *module_operations(PyObject *module, PyObject *ignored)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    char *text = NULL;
    (void)module, (void)ignored;
    if (pyro_operation_list(&text, &error) < 0)
        return PyErr_NoMemory();
    PyObject *result = PyUnicode_FromString(text);
    pyro_free(text);
    return result;
}

/* ERRORS: {name: name of the Python exception that it also is}. */
static int add_errors(PyObject *module)
{
    PyObject *errors = PyDict_New();
    int r = errors ? 0 : -1;
    for (int code = PYRO_ERROR_NONE + 1; r == 0 && code < PYRO_ERROR_COUNT; code++) {
        PyObject *python = PyUnicode_FromString(pyro_error_python_class(code));
        r = python ? PyDict_SetItemString(errors, pyro_error_name(code), python) : -1;
        Py_XDECREF(python);
    }
    if (r == 0)
        r = PyModule_AddObjectRef(module, "ERRORS", errors);
    Py_XDECREF(errors);
    return r;
}

static int module_exec(PyObject *module)
{
    if (PyModule_AddStringConstant(module, "VERSION", PYRO_VERSION) < 0)
        return -1;
    return add_errors(module);
}

static PyMethodDef methods[] = {
    {"call", module_call, METH_VARARGS, call_doc},
    {"validate", module_validate, METH_VARARGS, validate_doc},
    {"operations", module_operations, METH_NOARGS, operations_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "pyro_mcp._pyro", .m_doc = "The public C API of pyro.",
    .m_methods = methods,  .m_slots = slots,
};

PyMODINIT_FUNC PyInit__pyro(void);

PyMODINIT_FUNC PyInit__pyro(void)
{
    return PyModuleDef_Init(&definition);
}
