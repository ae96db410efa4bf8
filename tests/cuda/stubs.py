"""Writes what torch's libraries call of CUDA's and runtime.cpp lacks, as functions that succeed."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = ("libtorch_cuda", "libc10_cuda", "libtorch_python", "libtorch_cuda_linalg")
CALLED = re.compile(r" U ((?:__)?cu(?:da|blas|dnn)\w+)")
DRIVER_CALLED = re.compile(r" U (cu[A-Z]\w+)")
HEAD = """
#include <cstdlib>
typedef struct CUstream_st* cudaStream_t;  // no headers: the signatures are of no account here
#define API extern "C" __attribute__((visibility("default")))
API void standin_work(const char*, cudaStream_t);
static cudaStream_t blas_stream = 0, dnn_stream = 0;
struct Choice {
  int algorithm, status; float time; size_t memory; int determinism, math, reserved[3];
};
"""
HANDLE = "(void** handle) { *handle = calloc(1, 1024); return 0; }"
# Those that hand something back, by a pattern of their names; the first that fits counts.
WRITTEN = {
    r"cublas(Lt)?Create.*|cublasLt\w+Create|cudnnCreate.*": f"int NAME{HANDLE}",
    r"cublasSetStream_v2": "int NAME(void*, cudaStream_t s) { blas_stream = s; return 0; }",
    r"cublasGet(PointerMode_v2|MathMode)": "int NAME(void*, int* mode) { *mode = 0; return 0; }",
    r"cublasLtGetVersion": "size_t NAME() { return 130000; }",
    r"cublasLtMatmulAlgoGetHeuristic": (
        "int NAME(void*, void*, void*, void*, void*, void*, void*, int, char* found, int* count)"
        " { *count = 1; for (int i = 0; i < 96; i++) found[i] = 0; return 0; }"
    ),
    r"cublasLtMatmul": (
        "int NAME(void*, void*, void*, void*, void*, void*, void*, void*, void*, void*, void*,"
        ' void*, void*, void*, size_t, cudaStream_t s) { standin_work("NAME", s); return 0; }'
    ),
    r"cudnnSetStream": "int NAME(void*, cudaStream_t s) { dnn_stream = s; return 0; }",
    r"cudnnGetStream": "int NAME(void*, cudaStream_t* s) { *s = dnn_stream; return 0; }",
    r"cudnnGetErrorString": 'const char* NAME(int) { return "some cuDNN error"; }',
    r"cudnnGetLastErrorString": "void NAME(char* text, size_t n) { if (n) text[0] = 0; }",
    r"cudnnGetCudartVersion": "size_t NAME() { return 13000; }",
    r"cudnnGetConvolution\w+Algorithm_v7": (
        "int NAME(void*, void*, void*, void*, void*, int, int* count, Choice* found)"
        " { *count = 1; *found = {1, 0, 1, 1024, 1, 3, {}}; return 0; }"
    ),
    r"cudnnGetConvolution\w+WorkspaceSize": (
        "int NAME(void*, void*, void*, void*, void*, int, size_t* n) { *n = 1024; return 0; }"
    ),
    r"cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize": (
        "int NAME(void*, int, int, void*, void*, void*, void*, void*, size_t* n)"
        " { *n = 1024; return 0; }"
    ),
    r"cudnnGetBatchNormalizationTrainingExReserveSpaceSize": (
        "int NAME(void*, int, int, void*, void*, size_t* n) { *n = 1024; return 0; }"
    ),
    r"cudnnGetBatchNormalizationBackwardExWorkspaceSize": (
        "int NAME(void*, int, int, void*, void*, void*, void*, void*, void*, void*, size_t* n)"
        " { *n = 1024; return 0; }"
    ),
    r"cu(blas|dnn)(Lt)?(Set|Get|Destroy|Backend|Find)\w+|cublasLt\w+|cuda\w+|__cuda\w+": (
        "int NAME() { return 0; }"
    ),
    r"cublas\w+": 'int NAME() { standin_work("NAME", blas_stream); return 0; }',
    r"cudnn\w+": 'int NAME() { standin_work("NAME", dnn_stream); return 0; }',
}
KEPT = {"cudnnGetVersion", "cudnnGetProperty"}  # the library's own serve
DRIVER = {
    "cuCtxGetCurrent": "int NAME(void** context) { *context = (void*)8; return 0; }",
    "cuDevicePrimaryCtxRetain": "int NAME(void** context, int) { *context = (void*)8; return 0; }",
    "cuDeviceGet": "int NAME(int* device, int) { *device = 0; return 0; }",
    "cuDeviceGetAttribute": "int NAME(int* value, int, int) { *value = 0; return 0; }",
    "cuDevicePrimaryCtxGetState": (
        "int NAME(int, unsigned* flags, int* active) { *flags = 0; *active = 1; return 0; }"
    ),
    "cuGetErrorString": 'int NAME(int, const char** text) { *text = "driver"; return 0; }',
}


def libraries(folder: Path, runtime: str) -> str:
    """C++ of all that torch's libraries in `folder` call and the text `runtime` does not define."""
    defined = set(re.findall(r"^API .*?(\w+)\(", runtime, re.MULTILINE))
    names = sorted(_called(folder, CALLED) - defined - KEPT)
    return HEAD + "".join(f"API {_stub(name)}\n" for name in names)


def driver(folder: Path) -> str:
    """C++ of a libcuda.so.1."""
    names = sorted(_called(folder, DRIVER_CALLED) | set(DRIVER))
    bodies = (DRIVER.get(name, "int NAME() { return 0; }").replace("NAME", name) for name in names)
    return "".join(f'extern "C" {body}\n' for body in bodies)


def _called(folder: Path, pattern: re.Pattern[str]) -> set[str]:
    return {name for library in _existing(folder) for name in pattern.findall(_symbols(library))}


def _existing(folder: Path) -> Iterator[Path]:
    return (path for name in LIBRARIES if (path := folder / f"{name}.so").exists())


def _symbols(library: Path) -> str:
    command = ["nm", "-D", "--undefined-only", str(library)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _stub(name: str) -> str:
    body = next(text for pattern, text in WRITTEN.items() if re.fullmatch(pattern, name))
    return body.replace("NAME", name)
