/* Requests to clients of the earlier era, which answer them with a message of their own. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/macros.h"
#include "fixture.h"
#include "mcp/reply.h"

enum { PATIENCE_SECONDS = 10 };

struct question {
    char id[32];
    json_t *answer;
    struct question *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static struct question *open_questions;
static unsigned question_count;

static void add(struct question *question)
{
    pthread_mutex_lock(&lock);
    snprintf(question->id, sizeof(question->id), "question-%u", ++question_count);
    question->next = open_questions;
    open_questions = question;
    pthread_mutex_unlock(&lock);
}

static void wait_for(struct question *question)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&lock);
    while (!question->answer && pthread_cond_timedwait(&answered, &lock, &end) != ETIMEDOUT)
        continue;
    struct question **at = &open_questions;
    while (*at != question)
        at = &(*at)->next;
    *at = question->next;
    pthread_mutex_unlock(&lock);
}

json_t *fixture_ask(struct pyro_mcp_call_state *call, const json_t *asked)
{
    struct question question = {0};
    add(&question);
    cleanup_json json_t *message =
        json_pack("{s:s, s:s, s:O, s:O}", "jsonrpc", "2.0", "id", question.id, "method",
                  json_object_get(asked, "method"), "params", json_object_get(asked, "params"));
    cleanup_free char *text = pyro_mcp_dump(message), *line = NULL;
    if (asprintf(&line, "%s\n", text) >= 0)
        pyro_mcp_call_say(call, line);
    wait_for(&question);
    return question.answer;
}

void fixture_hear(const struct pyro_mcp_message *response)
{
    const char *id = json_string_value(response->id);
    const json_t *result = json_object_get(response->whole, "result");
    pthread_mutex_lock(&lock);
    struct question *question = open_questions;
    while (question && (!id || strcmp(question->id, id) != 0))
        question = question->next;
    if (question && !question->answer)
        question->answer = json_deep_copy(result);
    pthread_cond_broadcast(&answered);
    pthread_mutex_unlock(&lock);
}
