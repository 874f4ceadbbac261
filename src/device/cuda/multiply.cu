#include "device/cuda/multiply.h"

#include <cublasLt.h>

#include <map>
#include <mutex>

namespace daidd::device {
namespace {

template <class T, cublasStatus_t (*destroy)(T)>
struct Owned {
    T handle = nullptr;
    ~Owned() {
        if (handle != nullptr) destroy(handle);
    }
};
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;

struct Failure {
    const char* call;
    cublasStatus_t status;
};

void check(cublasStatus_t status, const char* call) {
    if (status != CUBLAS_STATUS_SUCCESS) throw Failure{call, status};
}

/// One a device, which is selected; kept, because making one takes device memory.
cublasLtHandle_t library_of(int32_t device) {
    static std::mutex mutex;
    static std::map<int32_t, Owned<cublasLtHandle_t, cublasLtDestroy>> libraries;
    const std::scoped_lock lock{mutex};
    auto& library = libraries[device];
    if (library.handle == nullptr) check(cublasLtCreate(&library.handle), "cublasLtCreate");
    return library.handle;
}

void make_layout(Layout& layout, cudaDataType type, uint64_t rows, uint64_t columns, int64_t pitch) {
    check(cublasLtMatrixLayoutCreate(&layout.handle, type, rows, columns, pitch),
          "cublasLtMatrixLayoutCreate");
}

/// Column-major, as the library sees it: our rows of weights and codes are its columns, so sums, whose rows
/// hold `pitch` columns of ours, are op(weights) · codes with op the transposition: the form that int8
/// products have.
void multiply(cublasLtHandle_t library, const CudaProduct& product) {
    Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> operation;
    check(cublasLtMatmulDescCreate(&operation.handle, CUBLAS_COMPUTE_32I, CUDA_R_32I),
          "cublasLtMatmulDescCreate");
    const cublasOperation_t transposed = CUBLAS_OP_T;
    check(cublasLtMatmulDescSetAttribute(operation.handle, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                         sizeof transposed),
          "cublasLtMatmulDescSetAttribute");
    Layout weights, codes, sums;
    // Weights have as many rows as sums have columns: the last ones are zero.
    make_layout(weights, CUDA_R_8I, product.depth, product.pitch, product.depth);
    make_layout(codes, CUDA_R_8I, product.depth, product.rows, product.depth);
    make_layout(sums, CUDA_R_32I, product.pitch, product.rows, product.pitch);
    Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> preference;
    check(cublasLtMatmulPreferenceCreate(&preference.handle), "cublasLtMatmulPreferenceCreate");
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    check(cublasLtMatmulAlgoGetHeuristic(library, operation.handle, weights.handle, codes.handle, sums.handle,
                                         sums.handle, preference.handle, 1, &found, &count),
          "cublasLtMatmulAlgoGetHeuristic");
    const int32_t one = 1, zero = 0;
    check(cublasLtMatmul(library, operation.handle, &one, product.weights, weights.handle, product.codes,
                         codes.handle, &zero, product.sums, sums.handle, product.sums, sums.handle,
                         &found.algo, nullptr, 0, nullptr),
          "cublasLtMatmul");
}

}  // namespace

std::string multiply_int8(int32_t device, const CudaProduct& product) {
    try {
        multiply(library_of(device), product);
    } catch (const Failure& failure) {
        return std::string{failure.call} + " failed: " + cublasLtGetStatusName(failure.status);
    }
    return {};
}

}  // namespace daidd::device
