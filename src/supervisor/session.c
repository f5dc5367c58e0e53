/* What services and shells have in common: a record that is on disk before the guest hears of the
 * session and again before anybody hears of its end, and clients that wait for one or the other. */
#include "supervisor/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/macros.h"
#include "supervisor/command.h"

static void lose(int bundle, enum pyro_session_kind kind, const char *name)
{
    int r;
    cleanup_close int directory = pyro_session_open(bundle, kind, name, false);
    cleanup_json json_t *record = directory < 0 ? NULL : pyro_session_read(directory, &r);
    if (!record || !pyro_session_is_running(record))
        return;
    pyro_session_lose(record);
    pyro_json_file_replace_at(directory, "record.json", record, false);
}

void sessions_sweep(struct supervisor *supervisor)
{
    static const enum pyro_session_kind kinds[] = {PYRO_SESSION_SERVICE, PYRO_SESSION_SHELL};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        cleanup_json json_t *names = pyro_session_list(supervisor->directory, kinds[i]);
        size_t index;
        json_t *name;
        json_array_foreach(names, index, name)
            lose(supervisor->directory, kinds[i], json_string_value(name));
    }
}

struct session *session_find(struct supervisor *supervisor, enum pyro_session_kind kind,
                             const char *name)
{
    struct session *session = supervisor->sessions;
    while (session && (session->kind != kind || strcmp(session->name, name) != 0))
        session = session->next;
    return session;
}

static int refuse(const char *name, int r, struct pyro_error *error)
{
    pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot write down %s", name);
    return pyro_error_hint(error, "see that there is room where pyro's home is");
}

struct session *session_create(struct supervisor *supervisor, enum pyro_session_kind kind,
                               const char *name, json_t *record, struct pyro_error *error)
{
    struct session *session = NULL;
    cleanup_close int directory = -1;
    if (supervisor->session_count >= SESSIONS_MAX) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE,
                       "cannot start %s: %d services and shells run already", name, SESSIONS_MAX);
        pyro_error_hint(error, "stop or close those that are not needed any more");
    } else if ((directory = pyro_session_open(supervisor->directory, kind, name, true)) < 0) {
        refuse(name, directory, error);
    } else if (!(session = calloc(1, sizeof(*session)))) {
        pyro_error_no_memory(error);
    }
    if (!session) {
        json_decref(record);
        return NULL;
    }
    *session = (struct session){.supervisor = supervisor,
                                .kind = kind,
                                .directory = steal_fd(&directory),
                                .record = record,
                                .logs = {{.fd = -1}, {.fd = -1}},
                                .next = supervisor->sessions};
    snprintf(session->name, sizeof(session->name), "%s", name);
    session->is_again = faccessat(session->directory, "record.json", F_OK, 0) == 0;
    pyro_buffer_init(&session->input, SHELL_INPUT_MAX);
    supervisor->sessions = session;
    supervisor->session_count++;
    session_set(session, "started_at", json_real(pyro_wall_seconds()));
    int r = session_write(session);
    if (r == 0)
        return session;
    refuse(name, r, error);
    session_discard(session);
    return NULL;
}

/* Frees the one that `at` points to; it points to the next one then. */
static void drop(struct waiter **at)
{
    struct waiter *waiter = *at;
    *at = waiter->next;
    waiter->session->supervisor->waiter_count--;
    waiter->client->watching -= waiter->kind == WAIT_OUTPUT;
    pyro_timer_stop(&waiter->timer);
    free(waiter);
}

/* Nobody is left waiting: it has ended, or it never was. */
static void forget(struct session *session)
{
    struct supervisor *supervisor = session->supervisor;
    session_answer(session, WAIT_END, NULL);
    session_answer(session, WAIT_OUTPUT, NULL);
    for (struct session **at = &supervisor->sessions; *at; at = &(*at)->next) {
        if (*at == session) {
            *at = session->next;
            break;
        }
    }
    supervisor->session_count--;
    if (supervisor->session_count == 0)
        life_event(supervisor, EVENT_SESSIONS_OVER, "all have ended");
    pyro_timer_stop(&session->grace);
    pyro_timer_stop(&session->beginning);
    for (size_t i = 0; i < ARRAY_SIZE(session->logs); i++)
        pyro_log_writer_finish(&session->logs[i]);
    while (session->waiters)
        drop(&session->waiters);
    pyro_buffer_finish(&session->input);
    close(session->directory);
    json_decref(session->record);
    free(session);
}

/* That there was an earlier one of that name stays known. */
void session_discard(struct session *session)
{
    session_set(session, "state", json_string("failed"));
    session_set(session, "stop_reason", json_string("it could not be started"));
    if (session->is_again)
        session_write(session);
    else
        pyro_session_remove(session->supervisor->directory, session->kind, session->name);
    forget(session);
}

void session_set(struct session *session, const char *key, json_t *value)
{
    json_object_set_new(session->record, key, value);
}

static int overwrite(int fd, const json_t *record)
{
    cleanup_free char *text = json_dumps(record, JSON_COMPACT);
    off_t size = text ? (off_t)strlen(text) : 0;
    if (!text)
        return -ENOMEM;
    int r = -posix_fallocate(fd, 0, size); /* before anything of the old one is lost */
    if (r == 0)
        r = pyro_fd_write_all_at(fd, text, (size_t)size, 0);
    return r == 0 && ftruncate(fd, size) < 0 ? -errno : r;
}

/* The blocks that the old one lies in are there, even when there is no room for others: should they
 * not be enough, without what is only for people to read. */
static int write_in_place(const struct session *session)
{
    cleanup_close int fd =
        openat(session->directory, "record.json", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int r = overwrite(fd, session->record);
    cleanup_json json_t *shorter = r == -ENOSPC || r == -EDQUOT ? json_copy(session->record) : NULL;
    if (!shorter)
        return r;
    if (json_object_get(shorter, "command"))
        json_object_set_new(shorter, "command", json_string("…"));
    json_object_del(shorter, "readiness");
    return overwrite(fd, shorter);
}

int session_write(struct session *session)
{
    int r = pyro_json_file_replace_at(session->directory, "record.json", session->record, false);
    if (r == -ENOSPC || r == -EDQUOT) {
        int again = write_in_place(session);
        r = again == -ENOENT ? r : again; /* there is none yet */
    }
    if (r < 0)
        fprintf(stderr, "pyro-supervisor: record of %s: %s\n", session->name, strerror(-r));
    return r;
}

struct waiter *session_wait(struct session *session, const struct ask *ask, enum wait_kind kind,
                            struct pyro_error *error)
{
    struct supervisor *supervisor = session->supervisor;
    struct waiter *waiter =
        supervisor->waiter_count < WAITERS_MAX ? calloc(1, sizeof(*waiter)) : NULL;
    if (!waiter) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE, "too many wait for services and shells");
        return NULL;
    }
    supervisor->waiter_count++;
    *waiter = (struct waiter){.session = session,
                              .client = ask->client,
                              .stream = ask->stream,
                              .kind = kind,
                              .next = session->waiters};
    session->waiters = waiter;
    ask->client->watching += kind == WAIT_OUTPUT;
    return waiter;
}

/* Who watches its logs hears where they end, as long as it runs: a gap that a full disk left shows
 * in no file. Of one that has ended the files tell. */
static json_t *describe(const struct session *session, enum wait_kind kind)
{
    if (kind != WAIT_OUTPUT)
        return json_pack("{s:O, s:b, s:b, s:s*}", "record", session->record, "was_running", 1,
                         "by_itself", session->ending == SESSION_GOES_ON, "field",
                         session->refused);
    if (!session || !pyro_session_is_running(session->record))
        return json_object();
    return json_pack("{s:[I, I]}", "positions", (json_int_t)session->logs[0].position,
                     (json_int_t)session->logs[1].position);
}

void session_answer(struct session *session, enum wait_kind kind, const struct pyro_error *error)
{
    struct waiter **at = &session->waiters;
    while (*at) {
        struct waiter *waiter = *at;
        if (waiter->kind != kind) {
            at = &waiter->next;
            continue;
        }
        if (error)
            request_answer_error(waiter->client, waiter->stream, error);
        else
            request_answer(waiter->client, waiter->stream, describe(session, kind));
        drop(at);
    }
}

void session_note(struct session *session, const uint8_t *bytes, uint32_t size)
{
    size_t used = strlen(session->said);
    for (uint32_t i = 0; i < size && used < sizeof(session->said) - 1 && bytes[i] != '\n'; i++)
        session->said[used++] = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : '?';
    session->said[used] = '\0';
}

const char *session_said(const struct session *session)
{
    size_t prefix = strlen(PYRO_SAID);
    return session->said + (strncmp(session->said, PYRO_SAID, prefix) == 0 ? prefix : 0);
}

bool session_was_started(const struct session *session)
{
    return json_is_integer(json_object_get(session->record, "pid"));
}

/* What exec(2) and chdir(2) say of a path, as against what the guest has run out of. */
static bool is_about_path(int error)
{
    static const int errors[] = {ENOENT, ENOTDIR,      EACCES,  ENOEXEC, EISDIR,
                                 ELOOP,  ENAMETOOLONG, ETXTBSY, E2BIG,   ETIMEDOUT};
    size_t i = 0;
    while (i < ARRAY_SIZE(errors) && errors[i] != error)
        i++;
    return i < ARRAY_SIZE(errors);
}

const char *session_refused_field(const struct session *session, const struct pyro_exited *exited)
{
    if (exited->kind != PYRO_EXIT_UNSTARTED || !is_about_path((int)exited->value))
        return NULL;
    return strncmp(session->said, PYRO_SAID_DIRECTORY, strlen(PYRO_SAID_DIRECTORY)) == 0
               ? "cwd"
               : "command";
}

static void watched_enough(struct pyro_timer *timer)
{
    struct waiter *waiter = timer->userdata, **at = &waiter->session->waiters;
    while (*at != waiter)
        at = &(*at)->next;
    request_answer(waiter->client, waiter->stream, describe(waiter->session, WAIT_OUTPUT));
    drop(at);
}

/* Whether one of its logs is longer than the client knows. */
static bool has_news(const struct session *session, const json_t *positions)
{
    for (size_t i = 0; i < ARRAY_SIZE(session->logs); i++) {
        const json_t *position = json_array_get(positions, i);
        if (json_is_integer(position) &&
            session->logs[i].position > (uint64_t)json_integer_value(position))
            return true;
    }
    return false;
}

/* Of all clients but this one. */
static unsigned count_watchers(const struct client *asking)
{
    unsigned count = 0;
    const struct client *client = asking->supervisor->clients;
    for (; client; client = client->next)
        count += client != asking && client->watching > 0;
    return count;
}

int session_watch(const struct ask *ask, struct pyro_error *error)
{
    enum { MOST_MS = 1000 * 1000 };
    const json_t *begun = json_object_get(ask->request, "started_at");
    struct session *session = ask->session;
    if (session && begun && !json_equal(begun, json_object_get(session->record, "started_at")))
        session = NULL; /* that one has ended, and another one has its name */
    int64_t wait_ms = pyro_json_integer(ask->request, "wait_ms", 0);
    if (!session || has_news(session, json_object_get(ask->request, "positions"))) {
        request_answer(ask->client, ask->stream, describe(session, WAIT_OUTPUT));
        return 0;
    }
    if (count_watchers(ask->client) >= WATCHERS_MAX) {
        pyro_error_set(error, PYRO_ERROR_WRONG_STATE,
                       "%d clients wait already for what services and shells show", WATCHERS_MAX);
        return pyro_error_hint(error, "end some of those that follow or wait");
    }
    struct waiter *waiter = session_wait(session, ask, WAIT_OUTPUT, error);
    if (!waiter)
        return -1;
    pyro_timer_start(&session->supervisor->loop, &waiter->timer,
                     (uint64_t)MIN(MAX(wait_ms, (int64_t)0), (int64_t)MOST_MS), watched_enough,
                     waiter);
    return 0;
}

/* One that does not run is told by its files: by itself, or because it was stopped before. */
int session_stop(const struct ask *ask, struct pyro_error *error)
{
    struct session *session = ask->session;
    if (!session) {
        request_answer(ask->client, ask->stream, json_pack("{s:b}", "was_running", 0));
        return 0;
    }
    if (!session_wait(session, ask, WAIT_END, error))
        return -1;
    if (session->kind == PYRO_SESSION_SHELL)
        shell_hang_up(session);
    else
        service_terminate(session, SESSION_STOPS,
                          (uint32_t)pyro_json_integer(ask->request, "grace_ms", 10000),
                          "stopped by request");
    return 0;
}

static void grace_over(struct pyro_timer *timer)
{
    struct session *session = timer->userdata;
    if (session->command)
        command_kill(session->command);
}

void session_begin_grace(struct session *session, enum session_ending ending, uint32_t grace_ms,
                         const char *why)
{
    bool is_first = session->ending == SESSION_GOES_ON;
    if (!is_first && session->grace.deadline_us <= pyro_now_us() + grace_ms * 1000ull)
        return;
    if (is_first) {
        session->ending = ending;
        snprintf(session->why, sizeof(session->why), "%s", why);
    }
    pyro_timer_start(&session->supervisor->loop, &session->grace, grace_ms, grace_over, session);
}

void session_conclude(struct session *session)
{
    for (size_t i = 0; i < ARRAY_SIZE(session->logs); i++)
        pyro_log_writer_finish(&session->logs[i]);
    session_set(session, "ended_at", json_real(pyro_wall_seconds()));
    session_write(session);
    session_answer(session, WAIT_START, NULL);
    forget(session);
}

void sessions_end(struct supervisor *supervisor, uint32_t grace_ms, const char *why)
{
    for (struct session *session = supervisor->sessions; session; session = session->next) {
        if (session->kind == PYRO_SESSION_SHELL)
            shell_hang_up(session);
        else
            service_terminate(session, SESSION_STOPS, grace_ms, why);
    }
}

/* True when it waited for the beginning. */
static bool drop_client(struct session *session, const struct client *client)
{
    struct waiter **at = &session->waiters;
    bool was_start = false;
    while (*at) {
        if ((*at)->client != client) {
            at = &(*at)->next;
            continue;
        }
        was_start |= (*at)->kind == WAIT_START;
        drop(at);
    }
    return was_start;
}

/* What nobody waits for any more before it is ready goes, like a command whose client goes: nobody
 * would ever hear of it. */
void sessions_client_gone(struct client *client)
{
    for (struct session *session = client->supervisor->sessions; session; session = session->next) {
        if (!drop_client(session, client))
            continue;
        if (session->kind == PYRO_SESSION_SHELL)
            shell_hang_up(session);
        else if (session->ending == SESSION_GOES_ON)
            service_terminate(session, SESSION_FAILS, ABORT_GRACE_MS,
                              "who started it went away before it was ready");
    }
}
