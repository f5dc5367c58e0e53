#include "guest/own.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "guest/probe.h"
#include "guest/tree.h"
#include "wire/tree.h"

static const struct {
    const char *name;
    size_t words;
    int (*run)(char *const *words);
    const char *process;
} commands[] = {
    {"receive", 3, pyro_tree_receive, "pyro-tree"}, {"receive", 4, pyro_tree_receive, "pyro-tree"},
    {"list", 1, pyro_tree_list, "pyro-tree"},       {"send", 2, pyro_tree_send, "pyro-tree"},
    {"fetch", 1, pyro_tree_fetch, "pyro-tree"},     {"probe", 4, pyro_probe, "pyro-probe"},
};

int pyro_own_say(const char *format, ...)
{
    char line[2 * PYRO_TREE_PATH_MAX + 256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    size_t size = MIN((size_t)MAX(length, 0), sizeof(line) - 2);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    line[size] = '\n';
    pyro_fd_write_all(STDERR_FILENO, line, size + 1);
    return -1;
}

int pyro_own_command(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(words[0], commands[i].name) != 0 || count != 1 + commands[i].words)
            continue;
        prctl(PR_SET_NAME, commands[i].process);
        return commands[i].run(words + 1) < 0;
    }
    pyro_own_say("the agent has no command %s with %zu words", words[0], count - 1);
    return 1;
}
