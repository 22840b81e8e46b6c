// Reads blocks (4 bytes of length, then the bytes) from standard input until it ends, and prints for each one line: 1 if the
// verifier that flatc generates calls it a whole buffer, 0 if not.
#include <cstdint>
#include <cstdio>
#include <vector>
#include "thimble_generated.h"

int main() {
    uint32_t count;
    while (fread(&count, 4, 1, stdin) == 1) {
        std::vector<uint64_t> block((count + 7) / 8);  // aligned as in a mapped file
        auto bytes = reinterpret_cast<uint8_t *>(block.data());
        if (count && fread(bytes, 1, count, stdin) != count) return 1;
        flatbuffers::Verifier verifier(bytes, count, 256, UINT32_MAX);
        puts(thimble::v1::VerifyThimbleBuffer(verifier) ? "1" : "0");
    }
}
