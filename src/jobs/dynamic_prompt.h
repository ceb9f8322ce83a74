#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "jobs/prompt_keys.h"
#include "jobs/wildcards.h"

namespace sd {

inline constexpr size_t kMaxExpandedPrompt = size_t{64} << 10;  ///< bytes
inline constexpr size_t kMaxExpansions = 10000;    ///< choices, wildcards and variables, in all
inline constexpr size_t kMaxExpansionDepth = 100;  ///< of one within another

/// The prompt that a template gives for a seed, in the grammar of sd-dynamic-prompts:
///
///   {a|b|}                   one of them; the last is empty
///   {3::a|0.5::b|c}          with weights; c has 1
///   {2$$a|b|c}               two different ones in random order, with ", " between them
///   {1-2$$ and $$a|b|c}      one or two, " and " between them; {2-$$…}, {-2$$…}
///   __colour__               a line of the file colour.txt; __a/b__, __a/*__, __a/**__
///   {2$$__colour__}          two different lines
///   __animal(size=big)__     with ${size} set while its line is worked out
///   ${x={a|b}} ${x}          a variable, worked out anew at each use
///   ${x=!{a|b}} ${x}         worked out once; ${x?=…} only where it is not set yet
///   ${x:text}                the text where x is not set
///   \{ \} \| \$ \_ \:        the sign itself
///
/// Anything may stand inside anything. A variable is set up to the end of the braces or line that
/// it stands in, for the wildcards used there, too. White space stays, but for that after a
/// variable that is set. Where {n$$…} asks for more than there are, all come.
///
/// The answer depends on the template, the seed, whether `prompt` is negative, and the files alone.
/// Numbers come from a RandomStream whose first state is mix(seed) for a prompt, mix(seed) with the
/// bytes of "negative" XORed into it, most significant first, for a negative prompt: prompts of a
/// second and third text encoder choose alike where they have the same choices in the same order.
/// Weights are rounded to multiples
/// of 2^-20. Each choice draws one number for its count, if that is a range, then one for each of
/// its options, as draw_different does; options are worked out from left to right, after all were
/// drawn.
///
/// Errors: kUsage with the place, for what is no template, a variable that is not set, a wildcard
/// as Wildcards::values says, also one in an option that is not drawn, and what goes beyond the
/// limits above.
std::string expand_prompt(const std::string& text, uint64_t seed, const Wildcards& wildcards,
                          const PromptKey& prompt = kPromptKeys[0]);

}  // namespace sd
