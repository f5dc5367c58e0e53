#include "cli/flags.h"

#include <string.h>

#include "base/text.h"
#include "operation/problems.h"

enum { FLAGS_MOST = 64 };

bool cli_flag_next(const struct pyro_operation *operation, struct cli_flag *flag)
{
    if (flag->variant && flag->variant[1].type) {
        flag->variant++;
        return true;
    }
    const struct pyro_parameter *p = flag->parameter ? flag->parameter + 1 : operation->parameters;
    while (p->name && (p->positional || p->rest))
        p++;
    *flag = (struct cli_flag){p, p->variants};
    return p->name != NULL;
}

char *cli_flag_spelling(const struct cli_flag *flag)
{
    return flag->variant ? pyro_text_format("--%s", flag->variant->flag)
                         : pyro_parameter_spelling(flag->parameter, PYRO_NAMING_FLAGS);
}

bool cli_flag_find(const struct pyro_operation *operation, const char *word, size_t length,
                   struct cli_flag *ret_flag)
{
    *ret_flag = (struct cli_flag){0};
    while (cli_flag_next(operation, ret_flag)) {
        cleanup_free char *spelling = cli_flag_spelling(ret_flag);
        if (spelling && strlen(spelling) == length && strncmp(spelling, word, length) == 0)
            return true;
    }
    return false;
}

char *cli_flags_nearest(const struct pyro_operation *operation, const char *word)
{
    static char *const common[] = {"--json", "--verbose", "--help", NULL};
    char *known[FLAGS_MOST + ARRAY_SIZE(common)];
    size_t owned = 0;
    struct cli_flag flag = {0};
    while (owned < FLAGS_MOST && cli_flag_next(operation, &flag)) {
        char *spelling = cli_flag_spelling(&flag);
        if (spelling)
            known[owned++] = spelling;
    }
    memcpy(known + owned, common, sizeof(common));
    char *nearest = pyro_text_nearest(word, (const char *const *)known);
    while (owned > 0)
        free(known[--owned]);
    return nearest;
}
