/* SPDX-License-Identifier: MIT */
/* The two ways to print, and the command as a whole on whatever machine this is. */
#include "tests/doctor/made_up.h"

#include "tools/doctor/doctor.h"
#include "tools/doctor/render.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *render(const struct made_up *m, int (*renderer)(const struct diagnosis *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(renderer(&m->diagnosis, f), 0);
	fclose(f);
	assert_non_null(text);
	return text;
}

static int table(const struct diagnosis *d, FILE *out)
{
	render_table(d, out);
	return 0;
}

static const char *member(struct json_object *o, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_string(value);
}

static void the_table_indents_the_nic_and_points_at_actions(void **state)
{
	struct made_up *m = *state;
	char *text;

	m->nic->ethtool.split = TRI_NO;
	m->nic->link.xdp = 1;
	m->nic->queues[15].io_uring = true;
	made_up_judge(m);
	text = render(m, table);
	assert_contains(text, "\neth0               mlx5_core        ok     memory providers");
	assert_contains(text, "\n  header split     off              later  zcrxd turns it on\n");
	assert_contains(text, "\n  queues           15               NO     io_uring zcrx");
	assert_contains(text, " -> end what attached it");
	assert_contains(text, "\neth0: not ready for zero copy: 1 to fix, 1 queue busy.");
	free(text);
}

static void the_json_document_has_its_stable_keys(void **state)
{
	struct json_object *o, *nics, *nic, *findings, *f, *action;
	struct made_up *m = *state;
	char *text;

	m->nic->link.xdp = 1;
	made_up_judge(m);
	text = render(m, render_json);
	o = json_tokener_parse(text);
	assert_non_null(o);
	assert_string_equal(member(o, "kernel"), "7.2.13");
	assert_string_equal(member(o, "level"), "copy");
	assert_true(json_object_object_get_ex(o, "nics", &nics));
	assert_int_equal(json_object_array_length(nics), 1);
	nic = json_object_array_get_idx(nics, 0);
	assert_string_equal(member(nic, "name"), "eth0");
	assert_string_equal(member(nic, "level"), "copy");
	assert_string_equal(member(nic, "summary"), m->diagnosis.nics[0].summary);
	assert_true(json_object_object_get_ex(nic, "findings", &findings));
	assert_int_equal(json_object_array_length(findings), m->diagnosis.nics[0].n);
	f = json_object_array_get_idx(findings, 0);
	assert_string_equal(member(f, "subject"), "driver");
	assert_string_equal(member(f, "value"), "mlx5_core");
	assert_string_equal(member(f, "verdict"), "ok");
	assert_true(json_object_object_get_ex(f, "action", &action));
	assert_null(action);
	assert_true(json_object_object_get_ex(o, "machine", &f));
	assert_string_equal(member(f, "level"), "ready");
	assert_false(json_object_object_get_ex(f, "name", NULL));
	json_object_put(o);
	free(text);
}

static void a_full_disk_is_an_error_of_the_stream(void **state)
{
	struct made_up *m = *state;
	FILE *f = fopen("/dev/full", "we");

	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	made_up_judge(m);
	render_table(&m->diagnosis, f);
	assert_true(ferror(f));
	clearerr(f);
	assert_int_equal(render_json(&m->diagnosis, f), 0);
	assert_true(ferror(f));
	fclose(f);
}

/* Runs the command with its output in *ret_text; errors go to /dev/null. */
static int run(char *const *args, int argc, char **ret_text)
{
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), r;
	FILE *out = tmpfile();
	FILE *err = fopen("/dev/null", "we");
	char *argv[8] = {0};
	long size;

	assert_non_null(out);
	assert_non_null(err);
	for (int i = 0; i < argc; i++)
		argv[i] = args[i];
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	r = doctor_main(argc, argv);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	fclose(err);
	size = lseek(fileno(out), 0, SEEK_END);
	*ret_text = calloc(1, (size_t)size + 1);
	assert_non_null(*ret_text);
	assert_int_equal(pread(fileno(out), *ret_text, (size_t)size, 0), size);
	fclose(out);
	return r;
}

static void the_command_prints_one_json_document_about_this_machine(void **state)
{
	char *args[] = {(char[]){"doctor"}, (char[]){"--json"}, (char[]){"lo"}}, *text;
	struct json_object *o;
	int r;

	(void)state;
	r = run(args, 3, &text);
	assert_in_range(r, LEVEL_COPY, LEVEL_BROKEN);
	o = json_tokener_parse(text);
	assert_non_null(o);
	assert_string_equal(member(o, "level"), r == LEVEL_COPY ? "copy" : "broken");
	json_object_put(o);
	free(text);
}

static void the_exit_status_is_the_level_without_a_nic_too(void **state)
{
	char *args[] = {(char[]){"doctor"}}, *text;
	int r;

	(void)state;
	r = run(args, 1, &text);
	assert_in_range(r, LEVEL_READY, LEVEL_BROKEN);
	assert_contains(text, "kernel");
	assert_contains(text, "machine: ");
	free(text);
}

static void an_unknown_nic_and_an_unknown_option_are_refused(void **state)
{
	char *nic[] = {(char[]){"doctor"}, (char[]){"no-such-nic"}}, *text;
	char *longer[] = {(char[]){"doctor"}, (char[]){"a-name-longer-than-any-interface-has"}};
	char *option[] = {(char[]){"doctor"}, (char[]){"--fix"}};

	(void)state;
	assert_int_equal(run(nic, 2, &text), 2);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(run(longer, 2, &text), 2);
	free(text);
	assert_int_equal(run(option, 2, &text), 2);
	assert_string_equal(text, "");
	free(text);
}

static void help_explains_verdicts_and_exit_status(void **state)
{
	char *args[] = {(char[]){"doctor"}, (char[]){"--help"}}, *text;

	(void)state;
	assert_int_equal(run(args, 2, &text), 0);
	for (int v = VERDICT_OK; v <= VERDICT_LATER; v++)
		assert_contains(text, verdict_name((enum verdict)v));
	assert_contains(text, "exit status");
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, made_up_setup, made_up_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_table_indents_the_nic_and_points_at_actions),
		TEST(the_json_document_has_its_stable_keys),
		TEST(a_full_disk_is_an_error_of_the_stream),
		cmocka_unit_test(the_command_prints_one_json_document_about_this_machine),
		cmocka_unit_test(the_exit_status_is_the_level_without_a_nic_too),
		cmocka_unit_test(an_unknown_nic_and_an_unknown_option_are_refused),
		cmocka_unit_test(help_explains_verdicts_and_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
