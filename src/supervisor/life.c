/* A VM's life on one screen: for each state and each event, what is done and what comes next. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "supervisor/session.h"

enum action {
    NOTHING,  /* cannot matter any more */
    NONSENSE, /* the guest speaks out of turn: it is lost */
    SETUP,    /* send the identity */
    RUN,      /* tell the clients, send what waits */
    RETRY,    /* boot once more, or fail */
    SEAL,     /* ask the agent to make the guest ready for being frozen */
    SAVE,     /* stop it and save it */
    FAIL,     /* tell the clients why, end */
    CLOSE,    /* services and shells are ended before the guest is powered off */
    POWER_OFF,
    EXPIRE, /* a workspace is closed and powered off, any other VM is thrown away */
    END,
};

/* clang-format off */
static const unsigned char actions[EVENT_COUNT][STATE_COUNT] = {
    /*                        BOOTING   SETTING_UP RUNNING    FREEZING   CLOSING    STOPPING  ENDED */
    [EVENT_READY] =          {SETUP,    NONSENSE,  NONSENSE,  NONSENSE,  NOTHING,   NOTHING,  NOTHING},
    [EVENT_RESTORED] =       {SETUP,    NOTHING,   NOTHING,   NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_RESTORE_FAILED] = {RETRY,    NOTHING,   NOTHING,   NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_SETUP_DONE] =     {NONSENSE, RUN,       NONSENSE,  NONSENSE,  NOTHING,   NOTHING,  NOTHING},
    [EVENT_SETUP_FAILED] =   {NONSENSE, RETRY,     NONSENSE,  NONSENSE,  NOTHING,   NOTHING,  NOTHING},
    [EVENT_BOOT_DEADLINE] =  {RETRY,    RETRY,     NOTHING,   NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_START_FAILED] =   {RETRY,    NOTHING,   NOTHING,   NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_FREEZE] =         {NOTHING,  NOTHING,   SEAL,      NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_SEALED] =         {NONSENSE, NONSENSE,  NONSENSE,  SAVE,      NOTHING,   NOTHING,  NOTHING},
    [EVENT_FROZEN] =         {NOTHING,  NOTHING,   NOTHING,   END,       NOTHING,   NOTHING,  NOTHING},
    [EVENT_FREEZE_FAILED] =  {NOTHING,  NOTHING,   NOTHING,   FAIL,      NOTHING,   NOTHING,  NOTHING},
    [EVENT_QEMU_ENDED] =     {RETRY,    RETRY,     FAIL,      FAIL,      END,       END,      NOTHING},
    [EVENT_GUEST_LOST] =     {RETRY,    RETRY,     FAIL,      FAIL,      END,       NOTHING,  NOTHING},
    [EVENT_DISK_FAILED] =    {FAIL,     FAIL,      FAIL,      FAIL,      END,       END,      NOTHING},
    [EVENT_NETWORK_ENDED] =  {FAIL,     FAIL,      FAIL,      NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_OWNER_GONE] =     {END,      END,       END,       END,       END,       END,      NOTHING},
    [EVENT_EXPIRED] =        {FAIL,     FAIL,      EXPIRE,    FAIL,      NOTHING,   NOTHING,  NOTHING},
    [EVENT_KEEP_FAILED] =    {NOTHING,  NOTHING,   FAIL,      NOTHING,   NOTHING,   NOTHING,  NOTHING},
    [EVENT_TERMINATED] =     {END,      END,       EXPIRE,    END,       NOTHING,   END,      NOTHING},
    [EVENT_STOP] =           {END,      END,       CLOSE,     END,       NOTHING,   NOTHING,  NOTHING},
    [EVENT_STOP_AT_ONCE] =   {END,      END,       END,       END,       END,       END,      NOTHING},
    [EVENT_SESSIONS_OVER] =  {NOTHING,  NOTHING,   NOTHING,   NOTHING,   POWER_OFF, NOTHING,  NOTHING},
    [EVENT_STOP_DEADLINE] =  {NOTHING,  NOTHING,   NOTHING,   NOTHING,   POWER_OFF, END,      NOTHING},
};
/* clang-format on */

static const enum pyro_error_code codes[EVENT_COUNT] = {
    [EVENT_SETUP_FAILED] = PYRO_ERROR_BOOT_FAILED,
    [EVENT_BOOT_DEADLINE] = PYRO_ERROR_BOOT_TIMEOUT,
    [EVENT_FREEZE_FAILED] = PYRO_ERROR_GUEST_FAILED,
    [EVENT_QEMU_ENDED] = PYRO_ERROR_GUEST_FAILED,
    [EVENT_GUEST_LOST] = PYRO_ERROR_GUEST_FAILED,
    [EVENT_DISK_FAILED] = PYRO_ERROR_DISK_FULL,
    [EVENT_NETWORK_ENDED] = PYRO_ERROR_NETWORK_FAILED,
    [EVENT_EXPIRED] = PYRO_ERROR_VM_EXPIRED,
    [EVENT_KEEP_FAILED] = PYRO_ERROR_STORE_FAILED,
};

static const char *hint_for(enum pyro_error_code code)
{
    switch (code) {
    case PYRO_ERROR_BOOT_TIMEOUT:
        return "the host may be overloaded: try again, or give it more time with "
               "PYRO_BOOT_TIMEOUT_SECONDS";
    case PYRO_ERROR_BOOT_FAILED:
        return "run `pyro doctor`; if the environment may be damaged, `pyro env pull` repairs it";
    case PYRO_ERROR_GUEST_FAILED:
        return "the command may have used up the guest's memory (raise --mem-mib), or shut it down";
    case PYRO_ERROR_DISK_FULL:
        return "free some disk space where pyro's home is; `pyro env prune` removes what is not "
               "needed";
    case PYRO_ERROR_NETWORK_FAILED:
        return "run it again; `pyro doctor` tells whether passt works here";
    case PYRO_ERROR_VM_EXPIRED:
        return "give it more time with --ttl-seconds";
    default:
        return "";
    }
}

static void end(struct supervisor *supervisor)
{
    supervisor->state = STATE_ENDED;
    pyro_loop_stop(&supervisor->loop);
}

/* A workspace's memory is a file: when that finds no room any more, QEMU is killed. */
static bool disk_is_full(const struct supervisor *supervisor)
{
    enum { NOTHING_LEFT = 1 << 20 };
    struct statvfs room;
    return supervisor->config.is_workspace && fstatvfs(supervisor->directory, &room) == 0 &&
           room.f_bavail * room.f_frsize < NOTHING_LEFT;
}

static void fail(struct supervisor *supervisor, enum event event, const char *why)
{
    bool booting = supervisor->state < STATE_RUNNING;
    enum pyro_error_code code =
        event == EVENT_START_FAILED ? supervisor->start_failure : codes[event];
    if (booting && code == PYRO_ERROR_GUEST_FAILED)
        code = PYRO_ERROR_BOOT_FAILED;
    if (code == PYRO_ERROR_GUEST_FAILED && disk_is_full(supervisor)) {
        code = PYRO_ERROR_DISK_FULL;
        why = "the guest ended because the host's disk is full";
    }
    char tail[600] = "";
    if (booting && event != EVENT_EXPIRED)
        boot_last_words(supervisor, tail, sizeof(tail));
    struct pyro_failure *failure = &supervisor->failure;
    failure->code = code;
    snprintf(failure->message, sizeof(failure->message), "%s%s%s%s", why,
             supervisor->tries > 1 && booting ? " (tried twice)" : "",
             *tail ? "; it last said: " : "", tail);
    snprintf(failure->hint, sizeof(failure->hint), "%s", hint_for(code));
    fprintf(stderr, "pyro-supervisor: %s: %s\n", pyro_error_name(code), failure->message);
    boot_save_logs(supervisor);
    end(supervisor);
}

static void stop_late(struct pyro_timer *timer)
{
    life_event(timer->userdata, EVENT_STOP_DEADLINE, "the guest did not power off");
}

static void power_off(struct supervisor *supervisor)
{
    supervisor->state = STATE_STOPPING;
    /* Should there be no room for it, the deadline ends the VM. */
    pyro_frame_append(&supervisor->guest_out, PYRO_FRAME_POWEROFF, PYRO_CHANNEL_NONE, 0, NULL, 0);
    guest_flush(supervisor);
    pyro_timer_start(&supervisor->loop, &supervisor->stop_deadline, STOP_GRACE_MS, stop_late,
                     supervisor);
}

/* Services may have something to write down before their guest goes. */
static void close_sessions(struct supervisor *supervisor, const char *why)
{
    supervisor->state = STATE_CLOSING;
    pyro_timer_start(&supervisor->loop, &supervisor->stop_deadline, SESSIONS_LIMIT_MS, stop_late,
                     supervisor);
    sessions_end(supervisor, SESSIONS_GRACE_MS, why);
    if (supervisor->session_count == 0)
        life_event(supervisor, EVENT_SESSIONS_OVER, "there is none");
}

/* A workspace's disk outlives its guest, so the guest is given the time to write it back. */
static void expire(struct supervisor *supervisor, enum event event, const char *why)
{
    const struct pyro_bundle_config *config = &supervisor->config;
    if (config->is_workspace && !config->one_shot) {
        snprintf(supervisor->stop_reason, sizeof(supervisor->stop_reason), "%s", why);
        close_sessions(supervisor, why);
    } else if (event == EVENT_EXPIRED) {
        fail(supervisor, event, why);
    } else {
        end(supervisor);
    }
}

/* What could not be restored is booted; what could not be booted is booted once more, if that could
 * make a difference. What this host could not start says nothing against the template. */
static void retry(struct supervisor *supervisor, enum event event, const char *why)
{
    fprintf(stderr, "pyro-supervisor: start %u: %s\n", supervisor->starts, why);
    boot_save_logs(supervisor);
    if (supervisor->restoring) {
        snprintf(supervisor->fallback, sizeof(supervisor->fallback), "%s", why);
        supervisor->template_failed = event != EVENT_START_FAILED;
        boot_finish(supervisor);
        restore_forget(supervisor);
    } else if (supervisor->tries >= BOOT_TRIES || event == EVENT_START_FAILED ||
               event == EVENT_SETUP_FAILED) {
        fail(supervisor, event, why);
        return;
    }
    supervisor->state = STATE_BOOTING;
    boot_start(supervisor);
}

static void run(struct supervisor *supervisor)
{
    supervisor->state = STATE_RUNNING;
    supervisor->was_running = true;
    boot_done(supervisor);
    clock_confirm(supervisor);
    serve_state(supervisor); /* what was asked for meanwhile may send commands */
    command_send_waiting(supervisor);
}

void life_event(struct supervisor *supervisor, enum event event, const char *format, ...)
{
    char why[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    switch ((enum action)actions[event][supervisor->state]) {
    case NOTHING:
        break;
    case NONSENSE:
        life_event(supervisor, EVENT_GUEST_LOST, "the guest agent spoke out of turn (%s)", why);
        break;
    case SETUP:
        supervisor->state = STATE_SETTING_UP;
        boot_send_setup(supervisor);
        break;
    case RUN:
        run(supervisor);
        break;
    case RETRY:
        retry(supervisor, event, why);
        break;
    case SEAL:
        supervisor->state = STATE_FREEZING;
        freeze_begin(supervisor);
        break;
    case SAVE:
        freeze_save(supervisor);
        break;
    case FAIL:
        fail(supervisor, event, why);
        break;
    case CLOSE:
        close_sessions(supervisor, why);
        break;
    case POWER_OFF:
        power_off(supervisor);
        break;
    case EXPIRE:
        expire(supervisor, event, why);
        break;
    case END:
        supervisor->frozen = event == EVENT_FROZEN;
        end(supervisor);
        break;
    }
}
