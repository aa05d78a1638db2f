# SPDX-License-Identifier: MIT
#
# How tests are declared. A test skips by exiting 77 after printing "skip: REASON"; a cmocka case
# skips by printing the same line and calling skip(). scripts/test shows these reasons.

set(ZCRXD_FUZZ_SECONDS 10 CACHE STRING "How long each fuzz target explores in one test run")

# A test ends with the ctest that started it, whose time limit it would have no longer.
find_program(ZCRXD_SETPRIV setpriv REQUIRED NO_CACHE)
set(zcrx_launcher ${ZCRXD_SETPRIV} --pdeathsig KILL)
# A test's time ends what hangs, and measures nothing. Alone on two processors the slowest test without a
# TIMEOUT of its own takes 30 s, under the sanitizers 100 s: so a machine may be 20 times as slow or as busy.
set(zcrx_timeout 600)
if(ZCRXD_SANITIZE)
	set(zcrx_timeout 2000)
	# The sanitizers of older compilers cannot cope with much address space randomisation.
	find_program(ZCRXD_SETARCH setarch NO_CACHE)
	if(ZCRXD_SETARCH)
		execute_process(COMMAND ${ZCRXD_SETARCH} -R true RESULT_VARIABLE failed
			OUTPUT_QUIET ERROR_QUIET)
		if(NOT failed)
			list(APPEND zcrx_launcher ${ZCRXD_SETARCH} -R)
		endif()
	endif()
endif()

# die_after_fork: a child of a program with threads, as tests make, may have threads of its own.
set(zcrx_test_environment
	ZCRX_SOURCE_DIR=${PROJECT_SOURCE_DIR}
	ZCRX_BUILD_DIR=${PROJECT_BINARY_DIR}
	ZCRX_SANITIZE=${ZCRXD_SANITIZE}
	ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
	PYTHONDONTWRITEBYTECODE=1
	UBSAN_OPTIONS=print_stacktrace=1
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:die_after_fork=0)

# zcrx_add_test(NAME name
#	SOURCES file...        a cmocka program, or
#	COMMAND command...     a script
#	[LIBS target...] [LABELS label...] [TIMEOUT seconds] [SERIAL])
# TIMEOUT: ten times what the test takes alone on two processors, or more; say how much that is.
# SERIAL: not beside other tests (it needs both processors). Scripts find the build in $ZCRX_BUILD_DIR
# and the source in $ZCRX_SOURCE_DIR.
function(zcrx_add_test)
	cmake_parse_arguments(PARSE_ARGV 0 arg "SERIAL" "NAME;TIMEOUT" "SOURCES;COMMAND;LIBS;LABELS")
	if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME)
		message(FATAL_ERROR "zcrx_add_test: bad arguments: ${arg_UNPARSED_ARGUMENTS}")
	endif()
	if(arg_SOURCES)
		add_executable(test-${arg_NAME} ${arg_SOURCES})
		target_link_libraries(test-${arg_NAME} PRIVATE
			zcrx_options PkgConfig::cmocka ${arg_LIBS})
		set(arg_COMMAND $<TARGET_FILE:test-${arg_NAME}>)
	endif()
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT ${zcrx_timeout})
	endif()
	add_test(NAME ${arg_NAME} COMMAND ${zcrx_launcher} ${arg_COMMAND})
	set_tests_properties(${arg_NAME} PROPERTIES
		SKIP_RETURN_CODE 77
		TIMEOUT ${arg_TIMEOUT}
		RUN_SERIAL ${arg_SERIAL}
		LABELS "${arg_LABELS}"
		ENVIRONMENT "${zcrx_test_environment}")
endfunction()

# zcrx_add_guest_test(NAME name COMMAND argument... [LABELS label...] [TIMEOUT seconds]): a test that runs
# inside the VM of scripts/vm; the arguments are tests/vm/in-guest's. Alone on two processors such a test
# takes 200 s at most; what takes longer says how long in TIMEOUT. These tests are the longest, so they
# begin first, and the others run beside the last of them.
function(zcrx_add_guest_test)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "COMMAND;LABELS")
	if(NOT arg_TIMEOUT)
		set(arg_TIMEOUT 1800)
	endif()
	math(EXPR limit "${arg_TIMEOUT} - 60")
	zcrx_add_test(NAME ${arg_NAME} LABELS vm ${arg_LABELS} TIMEOUT ${arg_TIMEOUT}
		COMMAND ${PROJECT_SOURCE_DIR}/tests/vm/in-guest --timeout ${limit} ${arg_COMMAND})
	set_tests_properties(${arg_NAME} PROPERTIES COST 1000)
endfunction()

# zcrx_add_fuzz(NAME name SOURCES file... CORPUS folder [LIBS target...])
# The sources define LLVMFuzzerTestOneInput. Every build replays the corpus; the preset fuzz also
# explores for ZCRXD_FUZZ_SECONDS. Build them all with the target `fuzzers`.
function(zcrx_add_fuzz)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS" "SOURCES;LIBS")
	get_filename_component(corpus ${arg_CORPUS} ABSOLUTE)
	set(program fuzz-${arg_NAME})
	add_executable(${program} ${arg_SOURCES})
	target_link_libraries(${program} PRIVATE zcrx_options ${arg_LIBS})
	add_dependencies(fuzzers ${program})
	if(ZCRXD_FUZZ)
		set(scratch ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.corpus)
		file(MAKE_DIRECTORY ${scratch})
		target_link_options(${program} PRIVATE -fsanitize=fuzzer)
		math(EXPR limit "${ZCRXD_FUZZ_SECONDS} + ${zcrx_timeout}")
		zcrx_add_test(NAME fuzz.${arg_NAME}.explore LABELS fuzz TIMEOUT ${limit}
			COMMAND $<TARGET_FILE:${program}> -max_total_time=${ZCRXD_FUZZ_SECONDS}
				-timeout=20 -print_final_stats=1
				-error_exitcode=1 -timeout_exitcode=1 # 77 would be a skip
				-artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}- ${scratch} ${corpus})
	else()
		target_sources(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
	endif()
	file(GLOB_RECURSE inputs CONFIGURE_DEPENDS ${corpus}/*)
	if(NOT inputs)
		message(FATAL_ERROR "zcrx_add_fuzz: ${corpus} holds no input")
	endif()
	zcrx_add_test(NAME fuzz.${arg_NAME}.replay LABELS fuzz
		COMMAND $<TARGET_FILE:${program}> ${inputs})
endfunction()
