#include "io/label_font.h"

// C++20 cannot take in a file, the assembler can. SD_LABEL_FONT is the path, a string.
asm(".section .rodata\n"
    ".balign 16\n"
    ".globl kSdLabelFontBegin\n"
    ".hidden kSdLabelFontBegin\n"
    "kSdLabelFontBegin:\n"
    ".incbin \"" SD_LABEL_FONT
    "\"\n"
    ".globl kSdLabelFontEnd\n"
    ".hidden kSdLabelFontEnd\n"
    "kSdLabelFontEnd:\n"
    ".byte 0\n"
    ".text\n");

extern "C" {
extern const unsigned char kSdLabelFontBegin[];
extern const unsigned char kSdLabelFontEnd[];
}

namespace sd {

std::span<const unsigned char> label_font() { return {kSdLabelFontBegin, kSdLabelFontEnd}; }

}  // namespace sd
