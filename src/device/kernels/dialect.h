// The dialect of the kernels: C99 that is OpenCL C 1.2 and CUDA alike. No kernel file includes another:
// OpenCL gets this file, arithmetic.h and *.cl as one text, CUDA by the #includes of cuda/kernels.cu.
//
// Work is launched as groups (GROUP_X, GROUP_Y) of the number of threads that the kernel names. No kernel
// has atomics or depends on which group runs first. Integer sums do not depend on their order, so every way
// of splitting them gives the same bits.

#if defined(__OPENCL_VERSION__)

typedef char i8;
typedef uchar u8;
typedef short i16;
typedef ushort u16;
typedef int i32;
typedef uint u32;
typedef long i64;
typedef ulong u64;

#define KERNEL(threads) __kernel __attribute__((reqd_work_group_size(threads, 1, 1))) void
#define FUNCTION static inline
#define GLOBAL __global
#define LOCAL __local          // a declaration at the top of a kernel
#define LOCAL_POINTER __local  // what a function takes of it
#define TABLE __constant

#define THREAD ((u32)get_local_id(0))
#define GROUP_X ((u32)get_group_id(0))
#define GROUP_Y ((u32)get_group_id(1))
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)

#define LEADING_ZEROS(v) ((i32)clz((u64)(v)))
#define ROTATE_LEFT(v, by) rotate((u32)(v), (u32)(by))

/// sum + the products of four int8 each.
FUNCTION i32 dot4(i32 a, i32 b, i32 sum) {
    const int4 x = convert_int4(as_char4(a)), y = convert_int4(as_char4(b));
    const int4 z = x * y;
    return sum + (z.x + z.y) + (z.z + z.w);
}

/// The same of four uint8 and four int8.
FUNCTION i32 dot4_unsigned(i32 a, i32 b, i32 sum) {
    const int4 x = convert_int4(as_uchar4(a)), y = convert_int4(as_char4(b));
    const int4 z = x * y;
    return sum + (z.x + z.y) + (z.z + z.w);
}

#else

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define KERNEL(threads) static __global__ void __launch_bounds__(threads)
#define FUNCTION static __device__ __forceinline__
#define GLOBAL
#define LOCAL __shared__
#define LOCAL_POINTER
#define TABLE static __constant__ const

#define THREAD ((u32)threadIdx.x)
#define GROUP_X ((u32)blockIdx.x)
#define GROUP_Y ((u32)blockIdx.y)
#define BARRIER() __syncthreads()

#define LEADING_ZEROS(v) ((i32)__clzll((i64)(v)))
#define ROTATE_LEFT(v, by) __funnelshift_l((u32)(v), (u32)(v), (u32)(by))

FUNCTION i32 dot4(i32 a, i32 b, i32 sum) { return __dp4a(a, b, sum); }
FUNCTION i32 dot4_unsigned(i32 a, i32 b, i32 sum) {
    asm("dp4a.u32.s32 %0, %1, %2, %0;" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

#endif

// Threads of a group. device.cpp names the same numbers.
#define ELEMENT_THREADS 256
#define ROW_THREADS 128
#define TILE_THREADS 256
#define VALUE_THREADS 64
