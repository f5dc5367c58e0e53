/* What goes wrong with an export, in words. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "workspace/sink_parts.h"

struct pyro_shown_path pyro_sink_show(const char *path)
{
    return *path ? pyro_show_path(path)
                 : (struct pyro_shown_path){.text = "what is to be exported"};
}

int pyro_sink_not_a_tree(struct pyro_tree_sink *sink, struct pyro_error *error, const char *format,
                         ...)
{
    char problem[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof(problem), format, arguments);
    va_end(arguments);
    pyro_error_set(error, PYRO_ERROR_GUEST_FAILED,
                   "exporting to %s: the guest sent something that is not a file tree: %s",
                   sink->goal.shown.text, problem);
    return pyro_error_hint(error,
                           "nothing was written; something in the guest seems to meddle with "
                           "what it sends, so look at what runs there");
}

int pyro_sink_refuse(struct pyro_tree_sink *sink, struct pyro_error *error, const char *problem,
                     const char *hint)
{
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "exporting to %s: %s",
                   sink->goal.shown.text, problem);
    pyro_error_field(error, "path");
    return pyro_error_hint(error, "%s", hint);
}

int pyro_sink_refuse_size(struct pyro_tree_sink *sink, struct pyro_error *error,
                          const char *problem)
{
    return pyro_sink_refuse(sink, error, problem, "export parts of it, one after the other");
}

int pyro_sink_fail_entry(struct pyro_tree_sink *sink, const char *path, int r,
                         struct pyro_error *error)
{
    struct pyro_shown_path shown = pyro_sink_show(path);
    switch (-r) {
    case EEXIST:
        return pyro_sink_not_a_tree(
            sink, error, "%s twice, or two names that are one on the file system of this host",
            shown.text);
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
        return pyro_sink_not_a_tree(sink, error, "%s is in no directory that it sent before",
                                    shown.text);
    default:
        return pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "exporting to %s: cannot write %s",
                                    sink->goal.shown.text, shown.text);
    }
}
