#include "inference/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace daidd::inference {
namespace {

TEST(Parallel, EveryPartOnceAndAllDoneOnReturn) {
    for (const unsigned threads : {0u, 1u, 2u, 5u}) {
        Parallel parallel{threads};
        EXPECT_EQ(parallel.size(), std::max(1u, threads));
        for (uint32_t count = 0; count < 300; ++count) {
            std::vector<uint32_t> seen(count);
            std::vector<int> parts(parallel.size());
            parallel.run(count, [&](uint32_t begin, uint32_t end, unsigned part) {
                ++parts[part];  // a part is one thread's alone
                for (uint32_t i = begin; i < end; ++i) ++seen[i];
            });
            EXPECT_EQ(seen, std::vector<uint32_t>(count, 1)) << threads << " threads";
            EXPECT_LE(*std::ranges::max_element(parts), 1);
        }
    }
}

}  // namespace
}  // namespace daidd::inference
