#pragma once

#include <cstdlib>
#include <utility>
#include <variant>

namespace daidd {

/// Wraps an error on its way into a Result.
template <class E>
struct Fail {
    E error;
};
template <class E>
Fail(E) -> Fail<E>;

/// A value, or the reason there is none. A small std::expected until C++23.
template <class T, class E>
class [[nodiscard]] Result {
public:
    Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
    template <class F>
    Result(Fail<F> fail) : state_{std::in_place_index<1>, std::move(fail.error)} {}

    explicit operator bool() const { return state_.index() == 0; }
    const T& operator*() const& { return *checked(std::get_if<0>(&state_)); }
    T& operator*() & { return *checked(std::get_if<0>(&state_)); }
    T&& operator*() && { return std::move(*checked(std::get_if<0>(&state_))); }
    const T* operator->() const { return checked(std::get_if<0>(&state_)); }
    T* operator->() { return checked(std::get_if<0>(&state_)); }
    const E& error() const { return *checked(std::get_if<1>(&state_)); }

private:
    /// Reading the side that is not there is a bug in the caller, in every build.
    template <class P>
    static P checked(P pointer) {
        if (pointer == nullptr) std::abort();
        return pointer;
    }

    std::variant<T, E> state_;
};

}  // namespace daidd
