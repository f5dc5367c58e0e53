/* A server with everything that the conformance suite asks for, on our own MCP library; what it
 * says is in fixture.json. It is for tests, and is not installed. */
#ifndef PYRO_TEST_FIXTURE_H
#define PYRO_TEST_FIXTURE_H

#include "mcp/calls.h"

extern json_t *fixture; /* fixture.json */

/* What there is about the tool or prompt that is asked for, NULL: there is none of that name. */
const json_t *fixture_entry(const struct pyro_mcp_message *request);

/* The line with that result, which is taken over. */
char *fixture_reply(const struct pyro_mcp_message *request, json_t *result);

/* A copy in which {NAME} is the text that `names` has for NAME. */
json_t *fixture_expand(const json_t *value, const json_t *names);

/* Answers tools/call and prompts/get. */
char *fixture_answer(const struct pyro_mcp_message *request, struct pyro_mcp_call_state *call);

/* The line that asks for the input which an entry's rounds still want; NULL: all of it is there, or
 * none is wanted. */
char *fixture_ask_input(const struct pyro_mcp_message *request, const json_t *entry);
int fixture_rounds_init(void);

/* Asks the client of a legacy request, and waits for its answer, an object; NULL: none came. */
json_t *fixture_ask(struct pyro_mcp_call_state *call, const json_t *question);
void fixture_hear(const struct pyro_mcp_message *response);

#endif
