// SPDX-License-Identifier: Apache-2.0
// A driver's management library for two devices, the second of which tells nothing but its name.
// Built by the test as libnvidia-ml.so.1.
#include <stdint.h>
#include <string.h>

enum { kSuccess = 0, kNotSupported = 3 };

struct Utilization {
  unsigned int gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};

static int devices[2];

static int is_silent(void* device) { return device != &devices[0]; }

int nvmlInit_v2(void) { return kSuccess; }
int nvmlShutdown(void) { return kSuccess; }
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  *device = &devices[index];
  return kSuccess;
}
int nvmlDeviceGetUUID(void* device, char* uuid, unsigned int length) {
  strncpy(uuid, is_silent(device) ? "GPU-silent" : "GPU-loud", length);
  return kSuccess;
}
int nvmlDeviceGetUtilizationRates(void* device, struct Utilization* utilization) {
  if (is_silent(device)) return kNotSupported;
  utilization->gpu = 37;
  utilization->memory = 5;
  return kSuccess;
}
int nvmlDeviceGetMemoryInfo(void* device, struct Memory* memory) {
  if (is_silent(device)) return kNotSupported;
  memory->total = 80000000000ULL;
  memory->free = 79000000000ULL;
  memory->used = 1000000000ULL;
  return kSuccess;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned int* milliwatts) {
  if (is_silent(device)) return kNotSupported;
  *milliwatts = 123456;
  return kSuccess;
}
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned int* milliwatts) {
  if (is_silent(device)) return kNotSupported;
  *milliwatts = 700000;
  return kSuccess;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  static unsigned long long spent = 5000000;
  if (is_silent(device)) return kNotSupported;
  *millijoules = spent += 2500;
  return kSuccess;
}
