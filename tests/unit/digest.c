#include "../../lib/digest.h"

#include <errno.h>

#include "../tap.h"

/* FIPS 180-2, appendix B.1 and B.2. */
TEST(known_digests)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "abc", "ba7816bf8f01cfea414140de5dae2223"
			 "b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039"
		  "a33ce45964ff2167f6ecedd419db06c1" },
		{ "", "e3b0c44298fc1c149afbf4c8996fb924"
		      "27ae41e4649b934ca495991b7852b855" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t digest[SHA256_SIZE];
		char text[HEX_SIZE(SHA256_SIZE)];

		sha256(cases[i].text, strlen(cases[i].text), digest);
		hex_encode(digest, sizeof(digest), text);
		CHECK_STR(text, cases[i].want);
	}
}

TEST(hex_there_and_back)
{
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xf0, 0xab, 0xff };
	char text[HEX_SIZE(sizeof(bytes))];
	uint8_t back[5];
	size_t size;

	hex_encode(bytes, sizeof(bytes), text);
	CHECK_STR(text, "000ff0abff");
	CHECK_EQ(hex_decode(text, sizeof(back), back, &size), 0);
	CHECK_EQ(size, 5);
	CHECK_BYTES(back, bytes, 5);
	CHECK_EQ(hex_decode("AbCd", sizeof(back), back, &size), 0);
	CHECK_EQ(back[0], 0xab);
	CHECK_EQ(back[1], 0xcd);
	CHECK_EQ(hex_decode("", 0, back, &size), 0);
	CHECK_EQ(size, 0);
}

TEST(hex_refused)
{
	static const char *const cases[] = { "a",  "0g",    "0x12", " 12",
					     "-1", "12345", "1234567" };
	uint8_t back[2] = { 1, 2 };
	size_t size = 77;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(hex_decode(cases[i], 2, back, &size), -EINVAL);
	CHECK_EQ(hex_decode("123456", 2, back, &size), -EINVAL);
	CHECK_EQ(size, 77);
	CHECK_EQ(back[0], 1);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
