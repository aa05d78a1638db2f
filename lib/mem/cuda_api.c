/* SPDX-License-Identifier: MIT */
#include "lib/mem/cuda_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "lib/mem/error.h"

static const char *text(const struct cuda_api *cuda, int result)
{
	const char *string;
	return cuda->error_string(result, &string) == 0 && string ? string : "an unknown error";
}

int cuda_api_refuse(const struct cuda_api *cuda, const char *what, int result)
{
	int error = -EIO;
	if (result == CUDA_OUT_OF_MEMORY)
		error = -ENOMEM;
	else if (result == CUDA_NO_DEVICE || result == CUDA_INVALID_DEVICE)
		error = -ENOENT;
	else if (result == CUDA_INVALID_VALUE || result == CUDA_NOT_FOUND)
		error = -EINVAL;
	else if (result == CUDA_NOT_SUPPORTED)
		error = -EOPNOTSUPP;
	return mem_refuse(error, "CUDA %s: %s (%d).", what, text(cuda, result), result);
}

static const struct {
	const char *symbol;
	size_t offset; /* of the pointer in struct cuda_api */
} functions[] = {
#define X(name, symbol, parameters) {symbol, offsetof(struct cuda_api, name)},
	CUDA_FUNCTIONS(X)
#undef X
};

static int find_all(struct cuda_api *ret, void *library)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *at = dlsym(library, functions[i].symbol);
		if (!at)
			return mem_refuse(-EOPNOTSUPP,
					  "libcuda has no %s: the NVIDIA driver is too old, CUDA "
					  "11.7 is needed.",
					  functions[i].symbol);
		memcpy((char *)ret + functions[i].offset, &at, sizeof(at));
	}
	return 0;
}

int cuda_api_load(struct cuda_api *ret)
{
	/* The library is never closed, as it has threads that would go on. */
	void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return mem_refuse(-ENOENT,
				  "There is no libcuda.so.1: install the NVIDIA driver's CUDA "
				  "library (libcuda1), or set LD_LIBRARY_PATH.");
	int r = find_all(ret, library);
	if (r < 0)
		return r;
	int result = ret->init(0);
	return result ? cuda_api_refuse(ret, "does not start", result) : 0;
}
