/* What help is written with: for a terminal, or as a manual page. */
#ifndef PYRO_CLI_PAGE_H
#define PYRO_CLI_PAGE_H

#include <stdbool.h>
#include <stdio.h>

struct cli_page_format {
    void (*heading)(FILE *file, const char *title); /* "Exit status" */
    void (*paragraph)(FILE *file, const char *text);
    void (*entry)(FILE *file, const char *name, const char *text);
    void (*lines)(FILE *file, const char *lines); /* as they are */
};

extern const struct cli_page_format cli_page_text; /* page_text.c */
extern const struct cli_page_format cli_page_man;  /* page_man.c */

/* A section of a manual page, above its headings. */
void cli_page_man_section(FILE *file, const char *title);
/* Text with nothing in it that roff would obey. `is_literal`: every dash is one that is typed. */
void cli_page_man_text(FILE *file, const char *text, bool is_literal);

struct cli_page {
    FILE *file;
    const struct cli_page_format *format;
};

#endif
