# SPDX-License-Identifier: MIT
#
# Every library from outside, as an imported target. Two of them get special care:
#   zcrx::kernel_headers   linux/*.h of at least 7.0, seen before the system's own
#   zcrx::uring            liburing of at least 2.15
# The distribution's own are used where both are new enough, else the private sysroot that
# scripts/deps makes, whose liburing is linked statically.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(ZCRXD_URING_MIN 2.15)
set(ZCRXD_HEADERS_MIN 7.0)

function(zcrx_headers_version ret root)
	set(version 0.0)
	if(EXISTS ${root}/usr/include/linux/version.h)
		file(STRINGS ${root}/usr/include/linux/version.h line REGEX "define LINUX_VERSION_CODE")
		string(REGEX REPLACE ".*LINUX_VERSION_CODE ([0-9]+).*" "\\1" code "${line}")
		math(EXPR major "${code} >> 16")
		math(EXPR minor "(${code} >> 8) & 255")
		set(version ${major}.${minor})
	endif()
	set(${ret} ${version} PARENT_SCOPE)
endfunction()

function(zcrx_uring_version ret root)
	set(version 0.0)
	set(header ${root}/usr/include/liburing/io_uring_version.h)
	if(EXISTS ${header})
		file(STRINGS ${header} lines REGEX "define IO_URING_VERSION_M")
		string(REGEX REPLACE ".*_MAJOR ([0-9]+).*_MINOR ([0-9]+).*" "\\1.\\2" version "${lines}")
	endif()
	set(${ret} ${version} PARENT_SCOPE)
endfunction()

if(DEFINED ENV{XDG_CACHE_HOME})
	set(zcrx_cache $ENV{XDG_CACHE_HOME})
else()
	set(zcrx_cache $ENV{HOME}/.cache)
endif()
set(ZCRXD_SYSROOT ${zcrx_cache}/zcrxd/sysroot CACHE PATH
	"Where scripts/deps put liburing and kernel headers")

add_library(zcrx::kernel_headers INTERFACE IMPORTED)
add_library(zcrx::uring INTERFACE IMPORTED)
target_link_libraries(zcrx::uring INTERFACE zcrx::kernel_headers)

zcrx_headers_version(zcrx_system_headers "")
pkg_check_modules(uring QUIET IMPORTED_TARGET liburing>=${ZCRXD_URING_MIN})
if(uring_FOUND AND zcrx_system_headers VERSION_GREATER_EQUAL ZCRXD_HEADERS_MIN)
	target_link_libraries(zcrx::uring INTERFACE PkgConfig::uring)
	message(STATUS "liburing ${uring_VERSION}, kernel headers ${zcrx_system_headers}: the system's")
else()
	zcrx_headers_version(zcrx_headers "${ZCRXD_SYSROOT}")
	zcrx_uring_version(zcrx_uring "${ZCRXD_SYSROOT}")
	find_library(ZCRXD_URING_ARCHIVE liburing.a NO_DEFAULT_PATH NO_CACHE
		PATHS ${ZCRXD_SYSROOT}/usr/lib/${CMAKE_C_LIBRARY_ARCHITECTURE} ${ZCRXD_SYSROOT}/usr/lib)
	if(NOT ZCRXD_URING_ARCHIVE OR zcrx_headers VERSION_LESS ZCRXD_HEADERS_MIN OR
	   zcrx_uring VERSION_LESS ZCRXD_URING_MIN)
		message(FATAL_ERROR "liburing >= ${ZCRXD_URING_MIN} and kernel headers >= "
			"${ZCRXD_HEADERS_MIN} are missing: run scripts/deps")
	endif()
	target_include_directories(zcrx::kernel_headers SYSTEM INTERFACE
		${ZCRXD_SYSROOT}/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}
		${ZCRXD_SYSROOT}/usr/include)
	target_link_libraries(zcrx::uring INTERFACE ${ZCRXD_URING_ARCHIVE})
	message(STATUS "liburing ${zcrx_uring}, kernel headers ${zcrx_headers}: ${ZCRXD_SYSROOT}")
endif()

# zcrx_dependency(NAME MODULE): pkg-config's MODULE as the target PkgConfig::NAME.
function(zcrx_dependency name module)
	pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
	if(NOT ${name}_FOUND)
		message(FATAL_ERROR "${module} is missing: run scripts/deps")
	endif()
endfunction()

zcrx_dependency(systemd libsystemd)
zcrx_dependency(nl libnl-genl-3.0)
zcrx_dependency(drm libdrm)
zcrx_dependency(inih inih)
zcrx_dependency(json json-c)
zcrx_dependency(seccomp libseccomp)
zcrx_dependency(zlib zlib)
zcrx_dependency(crypto libcrypto)
if(BUILD_TESTING)
	zcrx_dependency(cmocka cmocka)
endif()
