#include "cli/complete.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/flags.h"

/* How far the words before the cursor have come in a command. */
struct position {
    const struct pyro_operation *operation;
    size_t positional_count;
    const struct pyro_parameter *pending; /* whose value comes next; NULL: none */
    bool behind_dashes;                   /* the guest's own words */
};

void cli_completion_offer(const struct cli_completion *completion, const char *word,
                          const char *meaning)
{
    if (strncmp(word, completion->typed, strlen(completion->typed)) == 0)
        fprintf(completion->file, "%s%s\t%s\n", completion->prefix, word, meaning);
}

/* The word that follows the first `count` ones in the command; NULL when it begins otherwise. */
static const char *next_word(const char *command, char *const *words, size_t count)
{
    for (; count > 0; count--, words++) {
        size_t length = strcspn(command, " ");
        if (strlen(*words) != length || strncmp(command, *words, length) != 0 || !command[length])
            return NULL;
        command += length + 1;
    }
    return command;
}

/* Whether an earlier command of the table goes on with the same word. */
static bool was_offered(const struct pyro_operation *const *table,
                        const struct pyro_operation *const *end, char *const *words, size_t count,
                        const char *word)
{
    size_t length = strcspn(word, " ");
    for (; table < end; table++) {
        const char *other = (*table)->cli ? next_word((*table)->cli, words, count) : NULL;
        if (other && strcspn(other, " ") == length && strncmp(other, word, length) == 0)
            return true;
    }
    return false;
}

static void offer_commands(const struct cli_completion *completion,
                           const struct pyro_operation *const *table, char *const *words,
                           size_t count)
{
    for (const struct pyro_operation *const *at = table; *at; at++) {
        const char *next = (*at)->cli ? next_word((*at)->cli, words, count) : NULL;
        if (!next || was_offered(table, at, words, count, next))
            continue;
        size_t length = strcspn(next, " ");
        cleanup_free char *word = strndup(next, length);
        if (word)
            cli_completion_offer(completion, word,
                                 next[length] ? "a family of commands" : (*at)->summary);
    }
}

static const struct pyro_parameter *find_positional(const struct pyro_operation *operation,
                                                    size_t index)
{
    for (const struct pyro_parameter *p = operation->parameters; p->name; p++) {
        if (p->positional && index-- == 0)
            return p;
    }
    return NULL;
}

static void offer_flags(const struct cli_completion *completion,
                        const struct pyro_operation *operation)
{
    struct cli_flag flag = {0};
    while (cli_flag_next(operation, &flag)) {
        cleanup_free char *spelling = cli_flag_spelling(&flag);
        const struct pyro_parameter *p = flag.parameter;
        if (spelling)
            cli_completion_offer(completion, spelling,
                                 flag.variant   ? flag.variant->help
                                 : p->flag_help ? p->flag_help
                                                : p->help);
    }
    cli_completion_offer(completion, "--json", "Print the result, or the error, as JSON");
    cli_completion_offer(completion, "--verbose", "Show progress on stderr");
    cli_completion_offer(completion, "--help", "Explain the command");
}

/* A word before the cursor. */
static void pass(struct position *position, struct cli_completion *completion, const char *word)
{
    struct cli_flag flag;
    const struct pyro_parameter *pending = position->pending;
    position->pending = NULL;
    if (position->behind_dashes || (pending && strncmp(word, "--", 2) != 0))
        return;
    if (strcmp(word, "--") == 0) {
        position->behind_dashes = true;
    } else if (word[0] == '-' && word[1] != '\0') {
        if (cli_flag_find(position->operation, word, strlen(word), &flag) &&
            flag.parameter->type != PYRO_TYPE_BOOLEAN)
            position->pending = flag.parameter;
    } else {
        const struct pyro_parameter *p =
            find_positional(position->operation, position->positional_count++);
        if (p && strcmp(p->name, "workspace_id") == 0)
            completion->workspace_id = word;
    }
}

/* "--flag=": the rest of the word is the flag's value. */
static void offer_joined(struct cli_completion *completion, const struct pyro_operation *operation,
                         const char *equals)
{
    struct cli_flag flag;
    size_t length = (size_t)(equals - completion->typed);
    cleanup_free char *prefix = strndup(completion->typed, length + 1);
    if (!prefix || !cli_flag_find(operation, completion->typed, length, &flag))
        return;
    completion->prefix = prefix;
    completion->typed = equals + 1;
    cli_completion_offer_values(completion, flag.parameter);
    completion->prefix = "";
}

static void offer_arguments(struct cli_completion *completion, const struct position *position)
{
    const char *equals = strchr(completion->typed, '=');
    const struct pyro_parameter *positional =
        find_positional(position->operation, position->positional_count);
    bool is_flag = completion->typed[0] == '-';
    if (position->behind_dashes)
        return;
    if (position->pending && !is_flag)
        cli_completion_offer_values(completion, position->pending);
    else if (is_flag && equals)
        offer_joined(completion, position->operation, equals);
    else if (is_flag)
        offer_flags(completion, position->operation);
    else if (positional)
        cli_completion_offer_values(completion, positional);
}

void cli_complete(FILE *file, const struct pyro_operation *const *table, char *const *words,
                  size_t count)
{
    if (count == 0)
        return;
    struct cli_completion completion = {.file = file, .typed = words[count - 1], .prefix = ""};
    bool is_first = count == 1;
    if (count > 1 && strcmp(words[0], "help") == 0) {
        offer_commands(&completion, table, words + 1, count - 2);
        return;
    }
    struct position position = {0};
    size_t used;
    position.operation = cli_command_find(table, words, count - 1, &used);
    offer_commands(&completion, table, words, count - 1);
    if (is_first) {
        cli_completion_offer(&completion, "help", "Explain a command");
        cli_completion_offer(&completion, "--help", "Name all commands");
        cli_completion_offer(&completion, "--version", "Print the version");
    }
    if (!position.operation)
        return;
    for (size_t i = used; i < count - 1; i++)
        pass(&position, &completion, words[i]);
    offer_arguments(&completion, &position);
}
