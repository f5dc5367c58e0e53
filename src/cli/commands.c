#include "cli/commands.h"

#include <string.h>

#include "base/text.h"

enum { COMMANDS_MOST = 128 };

/* How many words of the command those that are given begin with; `ret_whole`: that is all of it. */
static size_t common(const char *command, char *const *words, size_t count, bool *ret_whole)
{
    size_t used = 0;
    while (*command && used < count) {
        size_t length = strcspn(command, " ");
        if (strlen(words[used]) != length || strncmp(words[used], command, length) != 0)
            break;
        used++;
        command += length + (command[length] == ' ');
    }
    *ret_whole = *command == '\0';
    return used;
}

const struct pyro_operation *cli_command_find(const struct pyro_operation *const *table,
                                              char *const *words, size_t count, size_t *ret_used)
{
    const struct pyro_operation *found = NULL;
    bool whole;
    *ret_used = 0;
    for (; *table; table++) {
        size_t used = (*table)->cli ? common((*table)->cli, words, count, &whole) : 0;
        if (used > *ret_used && whole) {
            found = *table;
            *ret_used = used;
        }
    }
    return found;
}

size_t cli_family_find(const struct pyro_operation *const *table, char *const *words, size_t count)
{
    size_t longest = 0;
    bool whole;
    for (; *table; table++) {
        size_t used = (*table)->cli ? common((*table)->cli, words, count, &whole) : 0;
        if (used > 0 && whole)
            used--; /* the last word is the command's own */
        longest = MAX(longest, used);
    }
    return longest;
}

bool cli_family_has(const char *family, const char *command)
{
    size_t length = strlen(family);
    return strncmp(command, family, length) == 0 && command[length] == ' ';
}

/* The first words of a command that has more of them, to be freed; NULL: it has not. */
static char *family_of(const char *command, size_t word_count)
{
    size_t length = 0;
    for (; word_count > 0; word_count--) {
        length += strcspn(command + length, " ");
        if (!command[length])
            return NULL;
        length++;
    }
    return strndup(command, length - 1);
}

static bool is_listed(char *const *names, size_t count, const char *name)
{
    while (count > 0) {
        if (strcmp(names[--count], name) == 0)
            return true;
    }
    return false;
}

/* Each family of so many words once. */
static size_t list_families(const struct pyro_operation *const *table, size_t word_count,
                            char **names)
{
    size_t count = 0;
    for (; *table && count < COMMANDS_MOST; table++) {
        char *name = (*table)->cli ? family_of((*table)->cli, word_count) : NULL;
        if (name && !is_listed(names, count, name))
            names[count++] = name;
        else
            free(name);
    }
    return count;
}

char *cli_commands_nearest(const struct pyro_operation *const *table, char *const *words,
                           size_t count)
{
    char *names[2 * COMMANDS_MOST + 1];
    size_t owned = list_families(table, count, names), known = owned;
    for (; *table && known < 2 * COMMANDS_MOST; table++) {
        if ((*table)->cli)
            names[known++] = (char *)(*table)->cli;
    }
    names[known] = NULL;
    cleanup_free char *asked = cli_words_join(words, count);
    char *nearest = asked ? pyro_text_nearest(asked, (const char *const *)names) : NULL;
    while (owned > 0)
        free(names[--owned]);
    return nearest;
}

char *cli_words_join(char *const *words, size_t count)
{
    char *text = strdup("");
    for (size_t i = 0; text && i < count; i++) {
        char *longer = pyro_text_format("%s%s%s", text, i > 0 ? " " : "", words[i]);
        free(text);
        text = longer;
    }
    return text;
}
