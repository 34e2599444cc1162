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
    {0x0, 0, 0x2d06800538d394c2, 1758},
    {0x0, 1, 0xe6c632b61e964e1f, 9014},
    {0x0, 3, 0x78af5f94892f3950, 4714},
    {0x0, 4, 0x6497a96f53a89890, 3929},
    {0x0, 8, 0x6f45a76842a96483, 4346},
    {0x0, 9, 0xe0dde4fc174590a0, 8783},
    {0x0, 16, 0x3d3ccac9af14d8a8, 2392},
    {0x0, 17, 0xca7f3571df47cacf, 7910},
    {0x0, 36, 0xede0fe99d930a0ed, 9292},
    {0x0, 64, 0x101fc40ce7f1f785, 629},
    {0x0, 128, 0x3e99edc6c76f21c6, 2445},
    {0x0, 129, 0x852cb20608c9d2c7, 5202},
    {0x0, 240, 0xea0e0f78188232ed, 9142},
    {0x0, 241, 0xbb0a906af5b5c211, 7306},
    {0x0, 500, 0x3b80dbf264b88499, 2324},
    {0x0, 1023, 0x72071fc15ab79164, 4454},
    {0x0, 1024, 0x5e6a406e127165a8, 3688},
    {0x0, 1025, 0xc180534771fac3f5, 7558},
    {0x0, 5000, 0xeb0f5845c1ec4cc2, 9182},
    {0x1, 0, 0x4dc5b0cc826f6703, 3037},
    {0x1, 1, 0xd2f6d0996f37a720, 8240},
    {0x1, 3, 0x6b4467b443c76228, 4190},
    {0x1, 4, 0xb526a09f019f9ef4, 7076},
    {0x1, 8, 0x7cdfdd84a400303c, 4877},
    {0x1, 9, 0xd0c00abe554863bc, 8154},
    {0x1, 16, 0xa287607c527329b1, 6348},
    {0x1, 17, 0x9de4a62b07a56160, 6167},
    {0x1, 36, 0xc1637e06ac3893b2, 7554},
    {0x1, 64, 0x588dcf8ebc4f5274, 3459},
    {0x1, 128, 0xc2073907b856d61a, 7579},
    {0x1, 129, 0x11c0dbf3dcc0a06b, 693},
    {0x1, 240, 0xff1886f922c26393, 9964},
    {0x1, 241, 0x29bd37a968ec1dc4, 1630},
    {0x1, 500, 0x3920ded751242589, 2231},
    {0x1, 1023, 0xd3e535022f97d91c, 8277},
    {0x1, 1024, 0xb28c16224de8ec8a, 6974},
    {0x1, 1025, 0x5a655764b2ccf2db, 3531},
    {0x1, 5000, 0x038b31011d6fc608, 138},
    {0x123456789abcdef, 0, 0xcc1ca35a1b089c5c, 7973},
    {0x123456789abcdef, 1, 0xfcf369f9e7541d1b, 9880},
    {0x123456789abcdef, 3, 0x4a2ec311f0e180a4, 2897},
    {0x123456789abcdef, 4, 0xad3a4b5ce130d15c, 6766},
    {0x123456789abcdef, 8, 0x56a120a3a3faccde, 3383},
    {0x123456789abcdef, 9, 0x96bcb0f53d95a8dc, 5888},
    {0x123456789abcdef, 16, 0xac4ceb5656aa7477, 6730},
    {0x123456789abcdef, 17, 0x2fd25e122d5b1a1f, 1868},
    {0x123456789abcdef, 36, 0x9af4994a672bdc5c, 6052},
    {0x123456789abcdef, 64, 0xc142261d06c925e8, 7549},
    {0x123456789abcdef, 128, 0x149cd4639dd4f4ed, 805},
    {0x123456789abcdef, 129, 0x2a2c25f67cab223d, 1647},
    {0x123456789abcdef, 240, 0x766df93bb1a513f2, 4626},
    {0x123456789abcdef, 241, 0xcbec7763acb2f3d5, 7965},
    {0x123456789abcdef, 500, 0x1ec8c2d9941e4469, 1202},
    {0x123456789abcdef, 1023, 0x3faf66abf79d736b, 2487},
    {0x123456789abcdef, 1024, 0x619ba85aa78671d7, 3812},
    {0x123456789abcdef, 1025, 0x43087a639374120b, 2618},
    {0x123456789abcdef, 5000, 0x66e39ac45c972d2c, 4019},
    {0xffffffffffffffff, 0, 0x4c093276ae47a555, 2970},
    {0xffffffffffffffff, 1, 0x43a7e49bc8a25756, 2642},
    {0xffffffffffffffff, 3, 0x291c3db09146c9c9, 1605},
    {0xffffffffffffffff, 4, 0x01e169947214dfef, 73},
    {0xffffffffffffffff, 8, 0xd8762a5ad46fc294, 8455},
    {0xffffffffffffffff, 9, 0x950d1e9c6921e1fd, 5822},
    {0xffffffffffffffff, 16, 0xb15debb502feeb99, 6928},
    {0xffffffffffffffff, 17, 0x0ba0c2240176df31, 454},
    {0xffffffffffffffff, 36, 0xa6b97852ad848a2c, 6512},
    {0xffffffffffffffff, 64, 0x56411e285b8ff08a, 3369},
    {0xffffffffffffffff, 128, 0x299b7d06d87cd8e7, 1625},
    {0xffffffffffffffff, 129, 0x85055f0b01d3e4ba, 5196},
    {0xffffffffffffffff, 240, 0x75140319f59a198f, 4573},
    {0xffffffffffffffff, 241, 0x53659f59abf61731, 3257},
    {0xffffffffffffffff, 500, 0xeed95d707fac423a, 9330},
    {0xffffffffffffffff, 1023, 0x89f0dd911aba94fd, 5388},
    {0xffffffffffffffff, 1024, 0xea5e0a5453d79cf8, 9154},
    {0xffffffffffffffff, 1025, 0x73d558a585d312c6, 4524},
    {0xffffffffffffffff, 5000, 0x0af75a7aeafb5f7d, 428},
};

}  // namespace penstock::golden
