// SPDX-License-Identifier: Apache-2.0
// Written by make_assignment.py beside it: change that.
#pragma once

#include <cstddef>
#include <cstdint>

// What Python's xxhash makes of keys. The letters of a key count on: abc...zabc...
namespace penstock::golden {

struct Assignment {
  std::uint64_t salt;
  std::size_t key_bytes;
  std::uint64_t hash;
  std::uint32_t bucket;
};

inline constexpr Assignment kAssignments[] = {
    {0x0, 0, 0x6a6b83ba52731365, 4157},
    {0x0, 1, 0xa0d5f50671a46754, 6282},
    {0x0, 3, 0x99b007b79a148b2f, 6003},
    {0x0, 7, 0x5ecdd8464e4af491, 3703},
    {0x0, 8, 0x198ab48d98a219ce, 997},
    {0x0, 16, 0x35000ac212390f66, 2070},
    {0x0, 55, 0x7e2dca1684b0b0d1, 4928},
    {0x0, 119, 0xabddd28abcb945a0, 6713},
    {0x0, 120, 0xdfb6a69af65f75a3, 8738},
    {0x0, 231, 0xc73e84ceb9530b5a, 7782},
    {0x0, 232, 0x9aa57cf3cc594677, 6040},
    {0x0, 246, 0x440eacdcc6d0cae2, 2658},
    {0x0, 247, 0x5c48b99d6b9fbfb2, 3604},
    {0x0, 248, 0x04d94c2e86a3459c, 189},
    {0x0, 249, 0xf5ff0c5f21fbb155, 9609},
    {0x0, 500, 0x7a62e32957dd696b, 4780},
    {0x0, 1014, 0x28477065c0c807bd, 1573},
    {0x0, 1015, 0x0e898ce01515a348, 567},
    {0x0, 1016, 0x39413475fdaedf7c, 2236},
    {0x0, 5000, 0xaf9ca97996db6e62, 6859},
    {0x1, 0, 0x30b4a310901fecc4, 1902},
    {0x1, 1, 0xb66eb32972fed708, 7126},
    {0x1, 3, 0xf6b125599cb3ab4d, 9636},
    {0x1, 7, 0x40499d374ffe2ccb, 2511},
    {0x1, 8, 0x916e237518c103aa, 5680},
    {0x1, 16, 0x4e1c95c8d1ab166c, 3051},
    {0x1, 55, 0xb3951233772e6f0b, 7014},
    {0x1, 119, 0x52a688cef2d11bb1, 3228},
    {0x1, 120, 0x851bc93e1cf5211d, 5199},
    {0x1, 231, 0x1ef05d56fcea8db4, 1208},
    {0x1, 232, 0x487365a7da42e942, 2830},
    {0x1, 246, 0x9c7abbee7a87612d, 6112},
    {0x1, 247, 0xc520f15c661d4b53, 7700},
    {0x1, 248, 0xad793e75c5cae36d, 6776},
    {0x1, 249, 0x3c65283bf786bd38, 2359},
    {0x1, 500, 0x3dc74d4a754f9e3b, 2413},
    {0x1, 1014, 0x4fb83ab8210fb3ea, 3114},
    {0x1, 1015, 0xbb75986478516576, 7322},
    {0x1, 1016, 0xe4e4b52fd8de7c4f, 8941},
    {0x1, 5000, 0xe2b5f3171902865a, 8855},
    {0x123456789abcdef, 0, 0x2f0d9e4bf081e5de, 1838},
    {0x123456789abcdef, 1, 0xef4df9b20f606071, 9347},
    {0x123456789abcdef, 3, 0x7b78d99441b14ab3, 4823},
    {0x123456789abcdef, 7, 0x4f9f95f9bf27ae72, 3110},
    {0x123456789abcdef, 8, 0x3a07fa6682e810c6, 2266},
    {0x123456789abcdef, 16, 0x63630d26fc8dceb8, 3882},
    {0x123456789abcdef, 55, 0x774d168b9019f424, 4660},
    {0x123456789abcdef, 119, 0xa22e0ceed19540ca, 6335},
    {0x123456789abcdef, 120, 0x209fef09e89b63fd, 1274},
    {0x123456789abcdef, 231, 0x4383ab09f33a240b, 2637},
    {0x123456789abcdef, 232, 0x6fed104e8d53f01c, 4372},
    {0x123456789abcdef, 246, 0x97e72979756a1c60, 5933},
    {0x123456789abcdef, 247, 0x1daa6f235a5d8665, 1158},
    {0x123456789abcdef, 248, 0x6fad22648594f519, 4362},
    {0x123456789abcdef, 249, 0xc994423e459801b8, 7874},
    {0x123456789abcdef, 500, 0x84bd74096f4134b5, 5185},
    {0x123456789abcdef, 1014, 0x87f69c2da1e25f43, 5311},
    {0x123456789abcdef, 1015, 0x34f956543ea83ca4, 2069},
    {0x123456789abcdef, 1016, 0xb70f408de3e4ac21, 7150},
    {0x123456789abcdef, 5000, 0x59f92fce6d1e715d, 3514},
    {0xffffffffffffffff, 0, 0x991f53902d4eaffe, 5981},
    {0xffffffffffffffff, 1, 0x1e449f67156231e6, 1182},
    {0xffffffffffffffff, 3, 0x9f919712e976dd23, 6233},
    {0xffffffffffffffff, 7, 0x382b13f8dea14db0, 2194},
    {0xffffffffffffffff, 8, 0x0558e6ab000daf27, 208},
    {0xffffffffffffffff, 16, 0xbe22657cab7ee2f3, 7427},
    {0xffffffffffffffff, 55, 0x10538202d89a9d7a, 637},
    {0xffffffffffffffff, 119, 0x5fa155a37d80829b, 3735},
    {0xffffffffffffffff, 120, 0xde09b7dca003e07a, 8673},
    {0xffffffffffffffff, 231, 0x31150c02b2bb99d4, 1917},
    {0xffffffffffffffff, 232, 0x640b273748c372c1, 3907},
    {0xffffffffffffffff, 246, 0x07983a3f14218ac8, 296},
    {0xffffffffffffffff, 247, 0x113a8f5b0b4da3c9, 672},
    {0xffffffffffffffff, 248, 0x74b8a0fb4ac60829, 4559},
    {0xffffffffffffffff, 249, 0x4bd540b3266a39dc, 2962},
    {0xffffffffffffffff, 500, 0x751696f230176c47, 4573},
    {0xffffffffffffffff, 1014, 0x896e9db7fa0a1147, 5368},
    {0xffffffffffffffff, 1015, 0x40984bd55faac344, 2523},
    {0xffffffffffffffff, 1016, 0x26ce9fd0787878ad, 1515},
    {0xffffffffffffffff, 5000, 0x225c745a660612e2, 1342},
};

}  // namespace penstock::golden
