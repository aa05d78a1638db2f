# SPDX-License-Identifier: MIT
#
# How everything here is compiled: link zcrx_options (privately) and get the language level, the
# warnings, the sanitizers and the hardening. Symbols are hidden unless exported on purpose.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Assertions stay: CMake's own values for these would define NDEBUG.
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_library(zcrx_warnings INTERFACE)
target_compile_options(zcrx_warnings INTERFACE
	-Wall -Wextra -Wundef -Wshadow -Wvla -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wconversion -Wno-sign-conversion
	-Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference
	$<$<BOOL:${ZCRXD_WERROR}>:-Werror>)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(zcrx_warnings INTERFACE
		-Wcast-align=strict -Wlogical-op -Wduplicated-cond -Wduplicated-branches
		-Wstrict-aliasing=3 -Wimplicit-fallthrough=5)
endif()

# gcc's sanitizers add branches that its flow analysis then reports in correct code.
if(ZCRXD_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(zcrx_warnings INTERFACE -Wno-null-dereference -Wno-maybe-uninitialized)
endif()

add_library(zcrx_options INTERFACE)
target_link_libraries(zcrx_options INTERFACE zcrx_warnings)
# Our headers are included by their path from the root.
target_compile_options(zcrx_options INTERFACE -iquote ${PROJECT_SOURCE_DIR})
target_compile_definitions(zcrx_options INTERFACE _GNU_SOURCE=)

if(ZCRXD_SANITIZE)
	set(flags -fsanitize=${ZCRXD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_compile_options(zcrx_options INTERFACE ${flags})
	target_link_options(zcrx_options INTERFACE -fsanitize=${ZCRXD_SANITIZE})
else()
	target_compile_options(zcrx_options INTERFACE
		-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
	# Not with sanitizers: under clang's a shared library has undefined symbols.
	target_link_options(zcrx_options INTERFACE -Wl,-z,relro -Wl,-z,now
		$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>:-Wl,-z,defs>)
endif()

if(ZCRXD_FUZZ)
	if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang" OR NOT ZCRXD_SANITIZE)
		message(FATAL_ERROR "ZCRXD_FUZZ needs clang and sanitizers: use the preset fuzz")
	endif()
	target_compile_options(zcrx_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
