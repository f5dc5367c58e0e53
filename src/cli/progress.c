#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

enum {
    REDRAW_MS = 100,
    LINE_EVERY_MS = 5000,
    BAR_WIDTH = 24,
    NARROWEST = 20,
    WIDEST = 200,
};

void cli_progress_init(struct cli_progress *progress, bool wanted)
{
    const char *terminal = getenv("TERM");
    *progress = (struct cli_progress){.wanted = wanted};
    progress->live = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static unsigned columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < NARROWEST)
        return 80;
    return MIN((unsigned)size.ws_col, (unsigned)WIDEST);
}

static unsigned percent(const struct pyro_progress *step)
{
    double part = (double)MIN(step->done, step->total) / (double)step->total;
    return (unsigned)(part * 100);
}

static void draw(struct cli_progress *progress, const struct pyro_progress *step)
{
    char bar[BAR_WIDTH + 16] = "", line[WIDEST + 1];
    if (step->total > 0) {
        unsigned filled = percent(step) * BAR_WIDTH / 100;
        char cells[BAR_WIDTH + 1];
        memset(cells, '-', BAR_WIDTH);
        memset(cells, '#', filled);
        cells[BAR_WIDTH] = '\0';
        snprintf(bar, sizeof(bar), " [%s] %3u%%", cells, percent(step));
    }
    /* The seconds show that something goes on where nobody knows how much is left. */
    snprintf(line, columns(), "%s %s%s %s, %u s", step->operation, step->phase, bar, step->message,
             (unsigned)((pyro_now_ms() - progress->started_at_ms) / 1000));
    fputs("\r\033[K", stderr);
    cli_print(stderr, "%s", line);
    progress->drawn = true;
}

static void print_line(const struct pyro_progress *step)
{
    char part[16] = "";
    if (step->total > 0)
        snprintf(part, sizeof(part), " %u%%", percent(step));
    cli_print(stderr, "[%s] phase=%s%s %s\n", step->operation, step->phase, part, step->message);
}

void cli_progress_show(struct cli_progress *progress, const struct pyro_progress *step)
{
    if (strcmp(step->operation, PYRO_PROGRESS_NOTICE) == 0) {
        cli_progress_clear(progress);
        cli_print(stderr, "pyro: %s\n", step->message);
        return;
    }
    if (!progress->wanted)
        return;
    struct pyro_progress known = *step;
    known.phase = step->phase ? step->phase : "";
    known.message = step->message ? step->message : "";
    uint64_t now_ms = pyro_now_ms(), pause_ms = progress->live ? REDRAW_MS : LINE_EVERY_MS;
    if (strcmp(progress->phase, known.phase) == 0 && now_ms < progress->shown_at_ms + pause_ms)
        return;
    snprintf(progress->phase, sizeof(progress->phase), "%s", known.phase);
    if (strcmp(progress->operation, step->operation) != 0)
        progress->started_at_ms = now_ms;
    snprintf(progress->operation, sizeof(progress->operation), "%s", step->operation);
    progress->shown_at_ms = now_ms;
    if (progress->live)
        draw(progress, &known);
    else
        print_line(&known);
    fflush(stderr);
}

void cli_progress_clear(struct cli_progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->drawn = false;
}
