/* What is remembered of templates that failed, and which host's clock a frozen guest fits. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "template/key.h"
#include "template/note.h"

static const char name[] = "debian-12-0123456789abcdef";

static char home_path[] = "/tmp/pyro-test-template-XXXXXX";

static void test_notes(int templates)
{
    is_int(pyro_template_failures(templates, name), 0, "no note, no failure");
    pyro_template_note(templates, name, "touched");
    is_int(pyro_template_failures(templates, name), 0, "damage is no failure to restore");
    pyro_template_note_failure(templates, name, "QEMU refused", 1000.5);
    pyro_template_note_failure(templates, name, "QEMU refused", 1000.5);
    is_int(pyro_template_failures(templates, name), 1, "each template counts once");
    ok(pyro_template_has_failed(templates, name, 1000.5), "that one is not used again");
    ok(!pyro_template_has_failed(templates, name, 1000.6), "the one made after it is");
    ok(!pyro_template_has_failed(templates, name, 999), "whatever the clock says");
    pyro_template_note_failure(templates, name, "again", 1000.6);
    is_int(pyro_template_failures(templates, name), 2, "its successor counts anew");
    pyro_template_note_failure(templates, name, "cannot be made", 0);
    pyro_template_note_failure(templates, name, "cannot be made", 0);
    is_int(pyro_template_failures(templates, name), 4, "so does each making that failed");
    pyro_template_note_success(templates, name);
    is_int(pyro_template_failures(templates, name), 0, "a clone that started forgives them");
}

static void test_notes_are_told_once(const struct pyro_home *home, int templates)
{
    pyro_template_note(templates, name, "a \xff byte");
    cleanup_json json_t *first = pyro_template_notes_take(home);
    cleanup_json json_t *second = pyro_template_notes_take(home);
    is_int((long long)json_array_size(first), 1, "one note");
    is_text(pyro_json_text(json_array_get(first, 0), "reason", ""), "a \xef\xbf\xbd byte",
            "with its reason, as valid text");
    is_int((long long)json_array_size(second), 0, "and then it is known");
}

static void test_bad_notes(int templates)
{
    static const char *const texts[] = {"", "[]", "{\"failures\": -3}", "{\"failures\": \"x\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        pyro_file_replace_at(templates, "debian-12-0123456789abcdef.note", texts[i],
                             strlen(texts[i]), 0600, 0);
        is_int(pyro_template_failures(templates, name), 0, "an edited note counts for nothing");
    }
    unlinkat(templates, "debian-12-0123456789abcdef.note", 0);
    mkfifoat(templates, "debian-12-0123456789abcdef.note", 0600);
    is_int(pyro_template_failures(templates, name), 0, "nor is a FIFO waited for");
}

static void test_clock(void)
{
    ok(pyro_template_tsc_fits(2596098, 2596098), "the same frequency");
    ok(pyro_template_tsc_fits(2596098, 2596200), "measured again");
    ok(!pyro_template_tsc_fits(2596098, 2600000), "another host's");
    ok(pyro_template_tsc_fits(0, 0), "not known on either side");
    ok(!pyro_template_tsc_fits(0, 2596098) && !pyro_template_tsc_fits(2596098, 0), "on one side");
    ok(!pyro_template_tsc_fits(INT64_MIN, 2596098) && !pyro_template_tsc_fits(INT64_MAX, 2596098),
       "edited");
}

int main(void)
{
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_home home;
    if (!mkdtemp(home_path) || pyro_home_init(&home, home_path, "/nowhere", &error) < 0 ||
        pyro_home_create(&home, &error) < 0)
        return 1;
    int templates = openat(home.directory_fd, "templates", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_notes(templates);
    test_notes_are_told_once(&home, templates);
    test_bad_notes(templates);
    test_clock();
    close(templates);
    pyro_home_finish(&home);
    pyro_tree_remove_at(AT_FDCWD, home_path);
    return tap_done();
}
