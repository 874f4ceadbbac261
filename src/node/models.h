#pragma once

#include "rpc/context.h"
#include "worker/ports.h"

namespace daidd::node {

/// The base model that this machine holds, how its tokens read, and the spec's corpora in its tokens.
struct Models {
    std::vector<worker::LocalModel> local;
    std::vector<rpc::Language> languages;
    work::Corpora corpora;
};

/// `model` empty: the generated model, where the spec lists it; else nothing is held. A file must have the
/// root of a model of the spec, and the text the corpus's root. The error names file, field and both roots.
Result<Models, std::string> load_models(const consensus::Params& params, const std::string& model,
                                        const std::string& corpus);

}  // namespace daidd::node
