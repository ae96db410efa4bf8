// A CUDA runtime without a card, to be preloaded in place of NVIDIA's: torch's host code, allocator,
// autograd and graph capture really run, on the host's memory; kernels do nothing and are counted.
//
// What it enforces are the rules of a capture: no synchronization, no allocation, no copy from or to
// pageable memory, no work on other streams. What breaks one is counted as a violation and ends the
// capture as CUDA would. Everything that is not here returns success (see stubs.py).

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace {

struct Event { unsigned long long capture = 0; };
struct Graph { size_t nodes = 0; };
struct Launch { dim3 grid, block; size_t shared; cudaStream_t stream; };

constexpr size_t MEMORY = 141ull << 30;
constexpr size_t LARGEST = 8ull << 30;  // the host has no more to give

struct Card {
  std::recursive_mutex lock;
  std::map<char*, size_t> blocks;
  std::unordered_map<const void*, std::string> kernels;
  std::map<std::string, long> violations;
  size_t used = 0, streams = 0;
  long launches = 0, replays = 0, syncs = 0, host_copies = 0;
  // The capture that goes on, if there is one.
  unsigned long long capture = 0, captures = 0;
  std::set<cudaStream_t> captured;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool broken = false;
  Graph* graph = nullptr;
  std::vector<long> nodes;  // of every graph, in the order of their captures
};

// Never destroyed: libraries call until the process has ended.
Card& card() { static Card* one = new Card; return *one; }
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;
thread_local cudaError_t last_error = cudaSuccess;
thread_local std::vector<Launch> configured;

#define LOCKED std::lock_guard<std::recursive_mutex> guard(card().lock)

cudaError_t failed(cudaError_t error) { return last_error = error; }

cudaError_t violated(const std::string& what, cudaError_t error) {
  card().violations[what]++;
  card().broken = true;
  return failed(error);
}

// What no thread may do during a capture unless it said that it knows better.
cudaError_t unsafe(const char* call) {
  bool forbidden = card().capture && card().mode == cudaStreamCaptureModeGlobal &&
                   thread_mode != cudaStreamCaptureModeRelaxed;
  if (!forbidden) return cudaSuccess;
  return violated(std::string(call) + " during a capture", cudaErrorStreamCaptureUnsupported);
}

bool on_card(const void* address) {
  auto& blocks = card().blocks;
  auto next = blocks.upper_bound((char*)address);
  if (next == blocks.begin()) return false;
  --next;
  return (char*)address < next->first + next->second;
}

void work(const std::string& name, cudaStream_t stream) {
  LOCKED;
  Card& c = card();
  if (c.captured.count(stream)) { c.graph->nodes++; return; }
  if (c.capture) c.violations["work beside the captured stream: " + name]++;
  c.launches++;
}

cudaStreamCaptureStatus status(cudaStream_t stream) {
  if (!card().captured.count(stream)) return cudaStreamCaptureStatusNone;
  return card().broken ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
}

cudaError_t launch(const void* kernel, dim3 grid, dim3 block, cudaStream_t stream) {
  std::string name;
  { LOCKED; name = card().kernels[kernel]; }
  size_t threads = (size_t)block.x * block.y * block.z;
  if (!grid.x || !grid.y || !grid.z || !threads || threads > 1024)
    return violated("launch of no or too many threads: " + name, cudaErrorInvalidConfiguration);
  work(name, stream);
  return cudaSuccess;
}

}  // namespace

// Errors
API const char* cudaGetErrorName(cudaError_t) { return "cudaError"; }
API const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated: return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureIsolation: return "dependency created on uncaptured work in another stream";
    default: return "some error";
  }
}
API cudaError_t cudaGetLastError() { cudaError_t e = last_error; last_error = cudaSuccess; return e; }
API cudaError_t cudaPeekAtLastError() { return last_error; }

// The device
API cudaError_t cudaGetDeviceCount(int* count) { *count = 1; return cudaSuccess; }
API cudaError_t cudaGetDevice(int* device) { *device = 0; return cudaSuccess; }
API cudaError_t cudaDriverGetVersion(int* version) { *version = CUDART_VERSION; return cudaSuccess; }
API cudaError_t cudaRuntimeGetVersion(int* version) { *version = CUDART_VERSION; return cudaSuccess; }
API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  memset(p, 0, sizeof *p);
  strcpy(p->name, "Stand-in");
  p->totalGlobalMem = MEMORY;
  p->major = 9;
  p->warpSize = 32;
  p->multiProcessorCount = 132;
  p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->maxThreadsPerMultiProcessor = 2048;
  p->maxBlocksPerMultiProcessor = 32;
  p->sharedMemPerBlock = 49152;
  p->sharedMemPerBlockOptin = 232448;
  p->sharedMemPerMultiprocessor = 233472;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->totalConstMem = 65536;
  p->l2CacheSize = 60 << 20;
  p->textureAlignment = 512;
  p->concurrentKernels = p->unifiedAddressing = 1;
  p->memoryBusWidth = 6144;
  return cudaSuccess;
}
API cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  static const std::map<int, int> values = {
      {cudaDevAttrMaxThreadsPerBlock, 1024}, {cudaDevAttrMaxBlockDimX, 1024},
      {cudaDevAttrMaxBlockDimY, 1024}, {cudaDevAttrMaxBlockDimZ, 64},
      {cudaDevAttrMaxGridDimX, 2147483647}, {cudaDevAttrMaxGridDimY, 65535},
      {cudaDevAttrMaxGridDimZ, 65535}, {cudaDevAttrWarpSize, 32},
      {cudaDevAttrMultiProcessorCount, 132}, {cudaDevAttrComputeCapabilityMajor, 9},
      {cudaDevAttrMaxSharedMemoryPerBlock, 49152},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, 232448},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor, 233472},
      {cudaDevAttrMaxThreadsPerMultiProcessor, 2048}, {cudaDevAttrL2CacheSize, 60 << 20}};
  auto found = values.find(attribute);
  *value = found == values.end() ? 0 : found->second;
  return cudaSuccess;
}
API cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) { *can = 0; return cudaSuccess; }
API cudaError_t cudaDeviceGetPCIBusId(char* id, int size, int) { strncpy(id, "0000:00:00.0", size); return cudaSuccess; }
API cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { *least = 0; *greatest = -5; return cudaSuccess; }
API cudaError_t cudaDeviceSynchronize() { LOCKED; card().syncs++; return unsafe("cudaDeviceSynchronize"); }

// Memory
API cudaError_t cudaMalloc(void** address, size_t size) {
  LOCKED;
  if (cudaError_t error = unsafe("cudaMalloc")) return error;
  if (size > LARGEST || card().used + size > MEMORY) return failed(cudaErrorMemoryAllocation);
  char* block = (char*)aligned_alloc(512, (size + 1023) / 512 * 512);
  memset(block, 0, size);
  card().blocks[block] = size;
  card().used += size;
  *address = block;
  return cudaSuccess;
}
API cudaError_t cudaFree(void* address) {
  LOCKED;
  if (cudaError_t error = unsafe("cudaFree")) return error;
  auto block = card().blocks.find((char*)address);
  if (block == card().blocks.end()) return cudaSuccess;
  card().used -= block->second;
  card().blocks.erase(block);
  free(address);
  return cudaSuccess;
}
API cudaError_t cudaMemGetInfo(size_t* left, size_t* total) { LOCKED; *total = MEMORY; *left = MEMORY - card().used; return cudaSuccess; }
API cudaError_t cudaHostAlloc(void** address, size_t size, unsigned) {
  LOCKED;
  if (cudaError_t error = unsafe("cudaHostAlloc")) return error;
  *address = calloc(1, size);
  return cudaSuccess;
}
API cudaError_t cudaFreeHost(void* address) { free(address); return cudaSuccess; }
API cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, const void* address) {
  LOCKED;
  memset(found, 0, sizeof *found);
  found->type = on_card(address) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  found->devicePointer = (void*)address;
  return cudaSuccess;
}
API cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind, cudaStream_t stream) {
  LOCKED;
  bool host = !on_card(to) || !on_card(from);
  bool captured = card().captured.count(stream);
  if (host) card().host_copies++;
  if (host && captured) return violated("copy between host and card captured", cudaErrorStreamCaptureUnsupported);
  work("copy", stream);
  if (!captured) memmove(to, from, size);
  return cudaSuccess;
}
API cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind) {
  LOCKED;
  card().syncs++;
  if (cudaError_t error = unsafe("cudaMemcpy")) return error;
  memmove(to, from, size);
  return cudaSuccess;
}
API cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height, cudaMemcpyKind, cudaStream_t stream) {
  LOCKED;
  work("copy", stream);
  if (!card().captured.count(stream))
    for (size_t row = 0; row < height; row++) memmove((char*)to + row * to_pitch, (char*)from + row * from_pitch, width);
  return cudaSuccess;
}
API cudaError_t cudaMemsetAsync(void* address, int value, size_t size, cudaStream_t stream) {
  LOCKED;
  work("memset", stream);
  if (!card().captured.count(stream)) memset(address, value, size);
  return cudaSuccess;
}
API cudaError_t cudaMemset(void* address, int value, size_t size) { LOCKED; if (cudaError_t error = unsafe("cudaMemset")) return error; memset(address, value, size); return cudaSuccess; }
API cudaError_t cudaGetSymbolAddress(void** address, const void*) { static void* symbol = calloc(1, 1 << 16); *address = symbol; return cudaSuccess; }

// Streams and events
API cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) { LOCKED; *stream = (cudaStream_t)(0x1000 + 16 * ++card().streams); return cudaSuccess; }
API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return cudaStreamCreateWithPriority(stream, 0, 0); }
API cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithPriority(stream, 0, 0); }
API cudaError_t cudaStreamGetPriority(cudaStream_t, int* priority) { *priority = 0; return cudaSuccess; }
API cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  LOCKED;
  card().syncs++;
  if (card().captured.count(stream)) return violated("wait for the captured stream", cudaErrorStreamCaptureUnsupported);
  return unsafe("cudaStreamSynchronize");
}
API cudaError_t cudaStreamQuery(cudaStream_t stream) {
  LOCKED;
  if (card().captured.count(stream)) return violated("query of the captured stream", cudaErrorStreamCaptureUnsupported);
  return cudaSuccess;
}
API cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  LOCKED;
  unsigned long long recorded = ((Event*)event)->capture;
  bool captured = card().captured.count(stream);
  if (captured && recorded != card().capture) return violated("dependency on uncaptured work", cudaErrorStreamCaptureIsolation);
  if (!captured && recorded && recorded == card().capture) card().captured.insert(stream);
  return cudaSuccess;
}
API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { *event = (cudaEvent_t) new Event; return cudaSuccess; }
API cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
API cudaError_t cudaEventDestroy(cudaEvent_t event) { delete (Event*)event; return cudaSuccess; }
API cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) { LOCKED; ((Event*)event)->capture = card().captured.count(stream) ? card().capture : 0; return cudaSuccess; }
API cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) { return cudaEventRecordWithFlags(event, stream, 0); }
API cudaError_t cudaEventQuery(cudaEvent_t event) {
  LOCKED;
  unsigned long long recorded = ((Event*)event)->capture;
  if (recorded && recorded == card().capture) return violated("query of a captured event", cudaErrorCapturedEvent);
  return unsafe("cudaEventQuery");
}
API cudaError_t cudaEventSynchronize(cudaEvent_t) { LOCKED; card().syncs++; return unsafe("cudaEventSynchronize"); }
API cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) { *milliseconds = 1; return cudaSuccess; }

API cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t function, void* data) { function(data); return cudaSuccess; }

// Graphs
API cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) { std::swap(*mode, thread_mode); return cudaSuccess; }
API cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* found) { LOCKED; *found = status(stream); return cudaSuccess; }
API cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* found, unsigned long long* id, cudaGraph_t* graph, const cudaGraphNode_t** after, const cudaGraphEdgeData** edges, size_t* count) {
  LOCKED;
  bool captured = card().captured.count(stream);
  if (found) *found = status(stream);
  if (id) *id = captured ? card().capture : 0;
  if (graph) *graph = captured ? (cudaGraph_t)card().graph : nullptr;
  if (after) *after = nullptr;
  if (edges) *edges = nullptr;
  if (count) *count = 0;
  return cudaSuccess;
}
API cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  LOCKED;
  Card& c = card();
  if (!stream || c.capture) return failed(cudaErrorStreamCaptureUnsupported);
  c.captured = {stream};
  c.capture = ++c.captures;
  c.mode = mode;
  c.broken = false;
  c.graph = new Graph;
  return cudaSuccess;
}
API cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t, const cudaGraphNode_t*, const cudaGraphEdgeData*, size_t, cudaStreamCaptureMode mode) { return cudaStreamBeginCapture(stream, mode); }
API cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  LOCKED;
  Card& c = card();
  bool broken = c.broken;
  *graph = broken ? nullptr : (cudaGraph_t)c.graph;
  if (broken) delete c.graph;
  else c.nodes.push_back(c.graph->nodes);
  c.captured.clear();
  c.capture = 0;
  c.broken = false;
  c.graph = nullptr;
  return broken ? failed(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}
API cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) { *count = ((Graph*)graph)->nodes; return cudaSuccess; }
API cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t, cudaGraphNode_t*, cudaGraphEdgeData*, size_t* count) { *count = 0; return cudaSuccess; }
API cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) { *executable = (cudaGraphExec_t) new Graph(*(Graph*)graph); return cudaSuccess; }
API cudaError_t cudaGraphDestroy(cudaGraph_t graph) { delete (Graph*)graph; return cudaSuccess; }
API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) { delete (Graph*)graph; return cudaSuccess; }
API cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) {
  LOCKED;
  card().replays++;
  return card().capture ? violated("replay during a capture", cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

// Kernels
API void** __cudaRegisterFatBinary(void*) { static void* handle[1]; return handle; }
API void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, void*, void*, void*, void*, int*) { LOCKED; card().kernels[host] = name; }
API char __cudaInitModule(void**) { return 1; }
API unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) { configured.push_back({grid, block, shared, stream}); return 0; }
API cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  Launch last = configured.back();
  configured.pop_back();
  *grid = last.grid;
  *block = last.block;
  *shared = last.shared;
  *(cudaStream_t*)stream = last.stream;
  return cudaSuccess;
}
API cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 block, void**, size_t, cudaStream_t stream) { return launch(kernel, grid, block, stream); }
API cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) { *kernel = (cudaKernel_t)function; return cudaSuccess; }
API cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void**, size_t, cudaStream_t stream) { return launch((const void*)kernel, grid, block, stream); }
API cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* how, const void* kernel, void**) { return launch(kernel, how->gridDim, how->blockDim, how->stream); }
API cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* found, const void*) {
  memset(found, 0, sizeof *found);
  found->maxThreadsPerBlock = 1024;
  found->numRegs = 32;
  found->ptxVersion = found->binaryVersion = 90;
  found->maxDynamicSharedSizeBytes = 49152;
  return cudaSuccess;
}
API cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* count, const void*, int, size_t, unsigned) { *count = 2; return cudaSuccess; }
API cudaError_t cudaGetDriverEntryPointByVersion(const char*, void** function, unsigned, unsigned long long, cudaDriverEntryPointQueryResult* result) {
  *function = nullptr;
  if (result) *result = cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

// For the tests, and for the stubs of the libraries, whose calls count as kernels.
API void standin_work(const char* name, cudaStream_t stream) { work(name, stream); }
API void standin_reset() {
  LOCKED;
  Card& c = card();
  c.launches = c.replays = c.syncs = c.host_copies = 0;
  c.violations.clear();
  c.nodes.clear();
}
API void standin_counts(long* counts) {
  LOCKED;
  Card& c = card();
  counts[0] = c.launches;
  counts[1] = c.replays;
  counts[2] = c.syncs;
  counts[3] = c.host_copies;
}
API const char* standin_nodes() {
  LOCKED;
  static std::string text;
  text.clear();
  for (long count : card().nodes) text += std::to_string(count) + "\n";
  return text.c_str();
}
API const char* standin_violations() {
  LOCKED;
  static std::string text;
  text.clear();
  for (auto& [what, count] : card().violations) text += what + "\n";
  return text.c_str();
}
