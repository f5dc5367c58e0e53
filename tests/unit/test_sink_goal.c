/* Where an exported tree goes: goals that are refused, that are replaced, that appear meanwhile;
 * and what is left of those who were killed. */
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>

#include "sink_stream.h"

static const char tree[] = "D: F:a=new D:d@500 F:d/b=new .";
static const char tree_list[] = "/@755\na@644=new\nd/@500\nd/b@644=new\n";
static const char tree_in_place[] =
    "in/goal/@755\nin/goal/a@644=new\nin/goal/d/@500\nin/goal/d/b@644=new\n";

/* ---- goals that are refused ---- */

static void is_refused(const char *path, bool force, const char *message)
{
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    is_int(pyro_tree_sink_open(path, force, &sink, &error), -1, pyro_show_path(path).text);
    is_int(error.code, PYRO_ERROR_INVALID_PARAMETER, "is refused");
    is_text(error.field, "output_path", "with the parameter's name");
    if (!ok(strstr(error.message, message) && *error.hint, "because %s", message))
        printf("# %s (%s)\n", error.message, error.hint);
}

static void test_refused(void)
{
    struct place place;
    place_init(&place);
    for (int force = 0; force < 2; force++) {
        is_refused("", force, "no path is given");
        is_refused("/", force, "cannot be replaced");
        is_refused("///", force, "cannot be replaced");
        is_refused(".", force, "cannot be replaced");
        is_refused("..", force, "cannot be replaced");
        is_refused("./", force, "cannot be replaced");
        is_refused("/tmp/../.", force, "cannot be replaced");
        is_refused("/tmp/missing-pyro/x", force, "there is no directory '/tmp/missing-pyro'");
        is_refused("/proc/version/x", force, "'/proc/version' is no directory");
    }
    is_refused("/proc", true, "mount point");
    is_refused("/proc/", true, "mount point");
    chdir(place.in);
    is_refused("neighbour", false, "there is something already");
    is_refused("./elsewhere/", false, "there is something already");
    is_refused("\x1b[0m\n/x", false, "there is no directory '?[0m?'");
    chdir("/");
    char path[4200];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    is_refused(path, false, "File name too long");
    ok(is_untouched(&place, ""), "nothing was touched");
    place_finish(&place);
}

static void test_paths(void)
{
    struct place place;
    char longest[NAME_MAX + 1];
    place_init(&place);
    chdir(place.in);
    ok(arrives("goal", false, tree) && is_untouched(&place, tree_in_place), "a name alone");
    ok(arrives("elsewhere/..//goal///", true, tree) && is_untouched(&place, tree_in_place),
       "a winding path");
    ok(arrives("goal", true, "F:=1 ."), "back to a file");
    symlink("in", "../way");
    ok(arrives("../way/goal", true, tree), "through a symlink of the caller's own");
    unlink("../way");
    ok(is_untouched(&place, tree_in_place), "which is followed");
    memset(longest, 'n', NAME_MAX);
    longest[NAME_MAX] = '\0';
    ok(arrives(longest, false, tree) && is_listed(longest, tree_list), "the longest name");
    chdir("/");
    place_finish(&place);
}

/* ---- goals that appear meanwhile ---- */

/* A sink that has taken everything, and whose goal is not there yet. */
static struct pyro_tree_sink *filled_sink(const struct place *place, bool force, const char *words)
{
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    struct pyro_buffer stream = stream_of(words);
    must(pyro_tree_sink_open(place->goal, force, &sink, &error) == 0, error.message);
    must(pyro_tree_sink_write(sink, pyro_buffer_data(&stream), stream.size, &error) == 0,
         error.message);
    pyro_buffer_finish(&stream);
    return sink;
}

static bool is_kept(const char *words, const char *existing)
{
    struct place place;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    struct pyro_tree_sink *sink = filled_sink(&place, false, words);
    must(arrives(place.goal, false, existing), "existing");
    cleanup_free char *before = list(place.goal);
    bool good = pyro_tree_sink_finish(sink, &export, &error) == -1;
    good &= error.code == PYRO_ERROR_INVALID_PARAMETER && strstr(error.hint, "--force");
    good &= strcmp(error.field, "output_path") == 0;
    pyro_tree_sink_close(sink);
    good &= is_listed(place.goal, before);
    must(pyro_sink_remove_at(AT_FDCWD, place.goal) == 0, place.goal);
    good &= is_untouched(&place, "");
    place_finish(&place);
    return good;
}

static bool all_are_kept(void *userdata)
{
    static const char *const things[] = {"F:=1 .", "D: F:a=1 .", "D: .", "L:>x ."};
    bool good = true;
    (void)userdata;
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(things); j++)
            good &= is_kept(things[i], things[j]);
    }
    return good;
}

static bool all_are_kept_without_flags(void *userdata)
{
    refuse_call(SYS_renameat2, *(int *)userdata, 4);
    return all_are_kept(NULL);
}

static void test_appears(void)
{
    ok(all_are_kept(NULL), "what appears meanwhile stays");
    ok(in_child(all_are_kept_without_flags, &(int){EINVAL}), "on any file system");
    ok(in_child(all_are_kept_without_flags, &(int){ENOSYS}), "on any kernel");
}

/* ---- goals that are replaced ---- */

static bool is_replaced(const char *old, const char *words)
{
    struct place fresh, place;
    place_init(&fresh);
    place_init(&place);
    must(arrives(fresh.goal, false, words), "fresh");
    must(arrives(place.goal, false, old), old);
    cleanup_free char *wanted = list(fresh.base);
    bool good = arrives(place.goal, true, words) && is_listed(place.base, wanted);
    place_finish(&fresh);
    place_finish(&place);
    return good;
}

static bool all_are_replaced(void *userdata)
{
    static const char *const things[] = {"F:@400=1 .",     "D:@500 D:a@0 F:a/b=1 .",
                                         "D: .",           "L:>elsewhere .",
                                         "L:>neighbour .", "L:>nowhere ."};
    bool good = true;
    (void)userdata;
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(things); j++)
            good &= is_replaced(things[i], things[j]);
    }
    return good;
}

static bool all_are_replaced_without_flags(void *userdata)
{
    refuse_call(SYS_renameat2, *(int *)userdata, 4);
    return all_are_replaced(NULL);
}

static bool become_nobody(void)
{
    return geteuid() != 0 ||
           (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static bool all_as_nobody(void *userdata)
{
    return become_nobody() && all_are_replaced(NULL) && all_are_kept(userdata);
}

static void test_replaced(void)
{
    ok(all_are_replaced(NULL), "anything is replaced by anything, and no symlink followed");
    ok(in_child(all_are_replaced_without_flags, &(int){EINVAL}), "on any file system");
    ok(in_child(all_are_replaced_without_flags, &(int){ENOSYS}), "on any kernel");
    ok(in_child(all_as_nobody, NULL), "also by an ordinary user, whom modes hold up");
}

static bool fails_as_nobody(void *userdata)
{
    struct place place;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    if (!become_nobody())
        return false;
    place_init(&place);
    must(arrives(place.goal, false, tree), "old");
    bool good = true;
    for (int force = 0; force < 2; force++) {
        good &= send_words(place.goal, force, "D:@0 D:a@0 F:a/b@0=1 F:c=1 F:c=2 .", &export,
                           &error) == -1;
        good &= is_untouched(&place, tree_in_place);
    }
    (void)userdata;
    place_finish(&place);
    return good;
}

static bool fails_at_the_end(void *userdata)
{
    (void)userdata;
    struct place place;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    if (!become_nobody())
        return false;
    place_init(&place);
    must(arrives(place.goal, false, tree), "old");
    refuse_call(SYS_renameat2, EIO, -1);
    bool good = send_words(place.goal, true, "D:@0 D:a@0 F:a/b@0=1 .", &export, &error) == -1 &&
                is_untouched(&place, tree_in_place);
    place_finish(&place);
    return good;
}

static void test_old_stays(void)
{
    ok(in_child(fails_as_nobody, NULL), "what is there stays when something else comes");
    ok(in_child(fails_at_the_end, NULL), "or cannot be put in its place");
}

static bool old_stays_beside(void *userdata)
{
    const struct place *place = userdata;
    struct pyro_tree_export export;
    struct pyro_error error = PYRO_ERROR_INIT;
    refuse_call(SYS_unlinkat, EACCES, -1);
    int r = send_words(place->goal, true, "D: .", &export, &error);
    return r == -1 && strstr(error.message, "what it replaced cannot be removed") &&
           strstr(error.hint, "'.goal.pyro-") && is_listed(place->goal, "/@755\n");
}

static bool is_refused_to_nobody(void *userdata)
{
    const struct place *place = userdata;
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    return become_nobody() && pyro_tree_sink_open(place->goal, true, &sink, &error) == -1 &&
           strstr(error.message, "what is there cannot be removed: Permission denied");
}

/* The directory is nobody's, but what is in it is root's. */
static void test_old_of_others(void)
{
    struct place place;
    if (geteuid() != 0) {
        ok(1, "an old thing of somebody else # SKIP needs root");
        return;
    }
    place_init(&place);
    must(arrives(place.goal, false, tree), "old");
    must(chown(place.base, 65534, 65534) == 0 && chown(place.in, 65534, 65534) == 0, "chown");
    ok(in_child(is_refused_to_nobody, &place), "an old thing of somebody else is refused before");
    ok(is_listed(place.goal, tree_list), "and stays");
    place_finish(&place);
}

static void test_old_cannot_go(void)
{
    struct place place;
    place_init(&place);
    must(arrives(place.goal, false, tree), "old");
    ok(in_child(old_stays_beside, &place), "an old thing that cannot be removed is named");
    place_finish(&place);
}

/* ---- what was left behind ---- */

static int count_temporary(const struct place *place)
{
    int count = 0;
    DIR *stream = opendir(place->in);
    for (struct dirent *entry; (entry = readdir(stream));)
        count += strncmp(entry->d_name, ".goal.pyro-", 11) == 0 &&
                 strcmp(entry->d_name, ".goal.pyro-note") != 0;
    closedir(stream);
    return count;
}

static bool is_killed(void *userdata)
{
    const char *const *words = userdata;
    struct place place;
    strcpy(place.goal, words[0]);
    filled_sink(&place, false, words[1]);
    kill(getpid(), SIGKILL);
    return true;
}

static void stale_goes(const char *words)
{
    struct place place;
    struct pyro_tree_sink *sink;
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    ok(!in_child(is_killed, (const char *[]){place.goal, words}), "killed with %s", words);
    is_int(count_temporary(&place), 1, "one thing is left");
    cleanup_free char *other = pyro_text_format("%s/goals", place.in);
    must(pyro_tree_sink_open(other, false, &sink, &error) == 0, error.message);
    pyro_tree_sink_close(sink);
    is_int(count_temporary(&place), 1, "which is no concern of another name");
    must(pyro_tree_sink_open(place.goal, false, &sink, &error) == 0, error.message);
    pyro_tree_sink_close(sink);
    ok(is_untouched(&place, ""), "but goes with the next one for this");
    place_finish(&place);
}

static void test_stale(void)
{
    stale_goes("f:=100 w:3=x");
    stale_goes("D: D:a@0 F:a/b@0=1 L:s>a f:c=3 w:0=x");
}

static void test_held(void)
{
    struct place place;
    struct pyro_tree_export export = {0};
    struct pyro_error error = PYRO_ERROR_INIT;
    place_init(&place);
    struct pyro_tree_sink *directory = filled_sink(&place, true, tree);
    struct pyro_tree_sink *file = filled_sink(&place, true, "F:=file .");
    is_int(count_temporary(&place), 2, "two at once");
    ok(arrives(place.goal, false, "F:=third ."), "and a third one");
    is_int(count_temporary(&place), 2, "leave each other alone");
    is_int(pyro_tree_sink_finish(directory, &export, &error), 0, "one arrives");
    json_decref(export.skipped);
    pyro_tree_sink_close(directory);
    ok(is_listed(place.goal, tree_list), "whole");
    is_int(pyro_tree_sink_finish(file, &export, &error), 0, "then the other");
    json_decref(export.skipped);
    pyro_tree_sink_close(file);
    ok(is_untouched(&place, "in/goal@644=file\n"), "in its place");
    place_finish(&place);
}

/* Names that look like ours, and are not. */
static void test_not_ours(void)
{
    static const char *const names[] = {".goal.pyro-abc12",   ".goal.pyro-abc1234",
                                        ".goal.pyro-abc12!",  ".goal.pyro-old-abc123",
                                        ".goals.pyro-abc123", "goal.pyro-abc123"};
    struct place place;
    place_init(&place);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        write_file(place.in, names[i], "mine");
    chdir(place.in);
    symlink("elsewhere", ".goal.pyro-Link12");
    mkfifo(".goal.pyro-Pipe12", 0600);
    write_file(place.in, ".goal.pyro-Others", "");
    int is_root = chown(".goal.pyro-Others", 65534, 65534) == 0;
    write_file(place.in, ".goal.pyro-Held12", "");
    cleanup_close int held = open(".goal.pyro-Held12", O_RDONLY | O_CLOEXEC);
    must(flock(held, LOCK_SH) == 0, "flock");
    write_file(place.in, ".goal.pyro-Stale1", "");
    ok(arrives("goal", false, tree), "a goal among many names");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        is_int(access(names[i], F_OK), 0, names[i]);
    is_int(access(".goal.pyro-Link12/file", F_OK), 0, "a symlink, and what it leads to");
    is_int(access(".goal.pyro-Pipe12", F_OK), 0, "a pipe");
    ok(!is_root || access(".goal.pyro-Others", F_OK) == 0, "another user's");
    is_int(access(".goal.pyro-Held12", F_OK), 0, "what somebody holds");
    is_int(access(".goal.pyro-Stale1", F_OK), -1, "but not what nobody holds");
    chdir("/");
    place_finish(&place);
}

/* `in/elsewhere` over `in/goal/a`, as far as this process sees. */
static bool mount_over(void *userdata)
{
    const struct place *place = userdata;
    cleanup_free char *where = pyro_text_format("%s/a", place->goal);
    cleanup_free char *what = pyro_text_format("%s/elsewhere", place->in);
    return unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) == 0 &&
           mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(what, where, NULL, MS_BIND, NULL) == 0;
}

static bool mounts_stay(void *userdata)
{
    const struct place *place = userdata;
    cleanup_free char *mounted = pyro_text_format("%s/a", place->goal);
    return mount_over(userdata) && !arrives(mounted, true, "F:=1 .") &&
           !arrives(place->goal, true, "F:=1 .") &&
           is_listed(place->goal, "/@755\na/@755\na/file@644=elsewhere\nc@644=1\n");
}

static void test_mounts(void)
{
    struct place place;
    place_init(&place);
    must(arrives(place.goal, false, "D: D:a D:a/b F:c=1 ."), "old");
    if (in_child(mount_over, &place))
        ok(in_child(mounts_stay, &place), "what is mounted in the old directory stays as it is");
    else
        ok(1, "what is mounted in the old directory # SKIP nothing can be mounted here");
    place_finish(&place);
}

int main(void)
{
    umask(022);
    test_refused();
    test_paths();
    test_appears();
    test_replaced();
    test_old_stays();
    test_old_of_others();
    test_stale();
    test_held();
    test_not_ours();
    test_mounts();
    test_old_cannot_go();
    return tap_done();
}
