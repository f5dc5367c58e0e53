/* What the files hold that may have changed. The guest goes on working, so what is there by now can
 * be something else than what was listed: then that counts. Texts that changed are kept, as long as
 * there is room for them. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "workspace/content.h"
#include "workspace/diff_parts.h"
#include "workspace/tree_reader.h"

struct fetch {
    struct pyro_diff *diff;
    size_t asked, answered;       /* changes up to here */
    bool is_asked_out;            /* END is in `questions` */
    struct pyro_buffer questions; /* not yet sent */
    struct pyro_tree_reader reader;
    struct pyro_content content;
    bool in_file; /* between an ENTRY and its DONE */
};

static size_t next_wanted(const struct pyro_diff *diff, size_t from)
{
    while (from < diff->count && !diff->changes[from].is_wanted)
        from++;
    return from;
}

static int ask_next(struct fetch *fetch)
{
    fetch->asked = next_wanted(fetch->diff, fetch->asked);
    if (fetch->asked == fetch->diff->count) {
        fetch->is_asked_out = true;
        return pyro_tree_end_pack(&fetch->questions);
    }
    const struct pyro_diff_change *change = &fetch->diff->changes[fetch->asked++];
    const struct pyro_tree_entry question = {
        .kind = PYRO_TREE_FILE, .size = change->size_wanted, .path = change->path, .target = ""};
    return pyro_tree_entry_pack(&fetch->questions, &question);
}

static long ask(void *userdata, uint8_t *bytes, size_t most, struct pyro_error *error)
{
    struct fetch *fetch = userdata;
    struct pyro_buffer *questions = &fetch->questions;
    while (questions->size < most && !fetch->is_asked_out) {
        if (ask_next(fetch) < 0)
            return pyro_error_no_memory(error);
    }
    size_t size = MIN(most, questions->size);
    if (size > 0)
        memcpy(bytes, pyro_buffer_data(questions), size);
    pyro_buffer_consume(questions, size);
    return (long)size;
}

/* The ENTRY that answers the next question. */
static int take_entry(struct fetch *fetch, const struct pyro_tree_entry *entry,
                      struct pyro_error *error)
{
    fetch->answered = next_wanted(fetch->diff, fetch->answered);
    /* An answer that comes before its question was sent is a guess. */
    if (fetch->in_file || fetch->answered >= fetch->asked || entry->kind == PYRO_TREE_LINK)
        return pyro_tree_nonsense(error);
    struct pyro_diff_change *change = &fetch->diff->changes[fetch->answered];
    if (strcmp(entry->path, change->path) != 0)
        return pyro_tree_nonsense(error);
    if (entry->kind == PYRO_TREE_MISSING) {
        change->after = NULL;
    } else if (pyro_diff_entry_set(change->after, entry) < 0) {
        return pyro_error_no_memory(error);
    }
    fetch->in_file = entry->kind == PYRO_TREE_FILE;
    if (!fetch->in_file) {
        fetch->answered++;
        return 0;
    }
    pyro_content_begin(&fetch->content, entry->size);
    return 0;
}

static int take_data(struct fetch *fetch, const struct pyro_tree_data *data,
                     struct pyro_error *error)
{
    /* No more than what was asked for, whatever its size is said to be. */
    if (!fetch->in_file || fetch->content.size > fetch->diff->changes[fetch->answered].size_wanted)
        return pyro_tree_nonsense(error);
    int r = pyro_content_add(&fetch->content, data);
    if (r == -EPROTO)
        return pyro_tree_nonsense(error);
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot look at a file") : 0;
}

/* Of a file that came whole. */
static enum pyro_diff_content compare_content(const struct pyro_content *content,
                                              const uint8_t sha256[PYRO_SHA256_SIZE],
                                              const struct pyro_baseline_entry *before)
{
    bool was_file = before->kind == PYRO_TREE_FILE;
    if (was_file && before->size == content->size &&
        memcmp(before->sha256, sha256, PYRO_SHA256_SIZE) == 0)
        return PYRO_DIFF_SAME;
    if (!content->is_kept || (was_file && before->size > PYRO_TEXT_SIZE_MAX))
        return PYRO_DIFF_OVERSIZE;
    if (!pyro_content_is_text(content) || (was_file && !before->is_text))
        return PYRO_DIFF_BINARY;
    return PYRO_DIFF_TEXT;
}

static int end_content(struct fetch *fetch, struct pyro_diff_change *change)
{
    uint8_t sha256[PYRO_SHA256_SIZE];
    struct pyro_baseline_entry before = {.kind = PYRO_TREE_MISSING};
    int r = pyro_content_end(&fetch->content, sha256);
    if (change->before != PYRO_DIFF_NOWHERE)
        pyro_baseline_get(fetch->diff->baseline, change->before, &before);
    change->content = compare_content(&fetch->content, sha256, &before);
    change->text = fetch->content.start;
    return r;
}

static int take_done(struct fetch *fetch, uint32_t done, struct pyro_error *error)
{
    if (!fetch->in_file)
        return pyro_tree_nonsense(error);
    struct pyro_diff_change *change = &fetch->diff->changes[fetch->answered];
    bool is_too_large = fetch->content.size > change->size_wanted;
    /* Before the content is made whole with zeros, which may be many. */
    if (is_too_large && done == 0)
        return pyro_tree_nonsense(error);
    int r = 0;
    if (done == 0)
        r = end_content(fetch, change);
    else
        change->content = is_too_large ? PYRO_DIFF_OVERSIZE : PYRO_DIFF_CHANGING;
    if (change->content != PYRO_DIFF_TEXT)
        pyro_content_drop(&fetch->content);
    fetch->in_file = false;
    fetch->answered++;
    return r < 0 ? pyro_error_set_errno(error, PYRO_ERROR_SYSTEM, r, "cannot look at a file") : 0;
}

static int take(void *userdata, const struct pyro_tree_record *record, struct pyro_error *error)
{
    switch (record->type) {
    case PYRO_TREE_ENTRY:
        return take_entry(userdata, &record->entry, error);
    case PYRO_TREE_DATA:
        return take_data(userdata, &record->data, error);
    case PYRO_TREE_DONE:
        return take_done(userdata, record->done, error);
    default:
        return pyro_tree_nonsense(error);
    }
}

static int feed(void *userdata, const uint8_t *bytes, size_t size, struct pyro_error *error)
{
    struct fetch *fetch = userdata;
    return pyro_tree_reader_feed(&fetch->reader, bytes, size, error);
}

static int run(struct fetch *fetch, struct pyro_error *error)
{
    const struct pyro_diff *diff = fetch->diff;
    const char *const arguments[] = {"fetch", diff->root, NULL};
    const struct pyro_tree_call call = {
        .arguments = arguments, .userdata = fetch, .input = ask, .output = feed};
    if (diff->channel->run(diff->channel->userdata, &call, error) < 0 ||
        pyro_tree_reader_close(&fetch->reader, error) < 0)
        return -1;
    bool is_whole = !fetch->in_file && next_wanted(diff, fetch->answered) == diff->count;
    return is_whole ? 0 : pyro_tree_nonsense(error);
}

int pyro_diff_fetch(struct pyro_diff *diff, struct pyro_error *error)
{
    struct fetch fetch = {.diff = diff};
    if (next_wanted(diff, 0) == diff->count)
        return 0;
    pyro_content_init(&fetch.content, &diff->texts);
    pyro_buffer_init(&fetch.questions, SIZE_MAX);
    pyro_tree_reader_init(&fetch.reader, take, &fetch);
    int r = run(&fetch, error);
    pyro_tree_reader_finish(&fetch.reader);
    pyro_buffer_finish(&fetch.questions);
    return r;
}
