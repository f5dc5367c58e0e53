#include "operation/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "wire/frame.h"
#include "wire/message.h"

/* The whole vector travels in one frame, beside the environment and the directory. */
enum { COMMAND_SIZE_MAX = PYRO_FRAME_PAYLOAD_MAX - 8 * 1024 };

static int refuse(struct pyro_error *error, const char *problem)
{
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER, "command: %s", problem);
    return pyro_error_field(error, "command");
}

static int refuse_long(struct pyro_error *error, size_t size)
{
    pyro_error_set(error, PYRO_ERROR_INVALID_PARAMETER,
                   "command: it has %zu bytes, at most %d can be passed on", size,
                   COMMAND_SIZE_MAX);
    pyro_error_field(error, "command");
    return pyro_error_hint(error, "pass large input through stdin instead");
}

/* Takes copies of checked words. */
static int fill(struct pyro_command *command, const char *const *words, size_t count)
{
    command->arguments = calloc(count + 1, sizeof(*command->arguments));
    if (!command->arguments)
        return -1;
    for (; command->count < count; command->count++) {
        command->arguments[command->count] = strdup(words[command->count]);
        if (!command->arguments[command->count])
            return -1;
    }
    return 0;
}

static int set_display(struct pyro_command *command, const char *text)
{
    command->display = text ? pyro_text_to_utf8(text, strlen(text), NULL) : NULL;
    return command->display ? 0 : -1;
}

static int from_string(struct pyro_command *command, const char *text, struct pyro_error *error)
{
    const char *const words[] = {"/bin/sh", "-lc", text};
    if (strlen(text) > COMMAND_SIZE_MAX)
        return refuse_long(error, strlen(text));
    if (fill(command, words, ARRAY_SIZE(words)) < 0 || set_display(command, text) < 0)
        return pyro_error_no_memory(error);
    return 0;
}

static int from_words(struct pyro_command *command, const char *const *words, size_t count,
                      struct pyro_error *error)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    if (size > COMMAND_SIZE_MAX)
        return refuse_long(error, size);
    cleanup_free char *joined = pyro_text_shell_join(words, count);
    if (!joined || fill(command, words, count) < 0 || set_display(command, joined) < 0)
        return pyro_error_no_memory(error);
    return 0;
}

static int check_string(const json_t *value, struct pyro_error *error)
{
    if (!json_is_string(value))
        return refuse(error, "it must be a string or a list of strings");
    if (strlen(json_string_value(value)) != json_string_length(value))
        return refuse(error, "it must not contain NUL characters");
    return 0;
}

static int from_array(struct pyro_command *command, const json_t *value, struct pyro_error *error)
{
    size_t count = json_array_size(value);
    if (count == 0)
        return refuse(error, "it is empty");
    if (count > PYRO_EXEC_ARGUMENTS_MAX)
        return refuse(error, "it has more than 4096 words");
    cleanup_free const char **words = calloc(count, sizeof(*words));
    if (!words)
        return pyro_error_no_memory(error);
    for (size_t i = 0; i < count; i++) {
        const json_t *word = json_array_get(value, i);
        if (check_string(word, error) < 0)
            return -1;
        words[i] = json_string_value(word);
    }
    return from_words(command, words, count, error);
}

int pyro_command_init(struct pyro_command *command, const json_t *value, struct pyro_error *error)
{
    *command = (struct pyro_command){0};
    int r;
    if (json_is_array(value))
        r = from_array(command, value, error);
    else if ((r = check_string(value, error)) == 0)
        r = json_string_length(value) > 0 ? from_string(command, json_string_value(value), error)
                                          : refuse(error, "it is empty");
    if (r < 0)
        pyro_command_finish(command);
    return r;
}

void pyro_command_finish(struct pyro_command *command)
{
    for (size_t i = 0; i < command->count; i++)
        free(command->arguments[i]);
    free(command->arguments);
    free(command->display);
    *command = (struct pyro_command){0};
}
