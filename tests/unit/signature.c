/*
 * Signatures that minisign made, and the same with every byte damaged.
 */
#include "../../agent/signature.h"

#include <errno.h>

#include "../tap.h"

/* minisign 0.11: -G; -S -t 'trusted words'; the same with -l; of "hi\n". */
static const char key_text[] =
	"untrusted comment: minisign public key FF284D96BDCC95DC\n"
	"RWTclcy9lk0o/+wGcYUw0nEj3wsLXuFrX0DtHYb48IjQA38lwgf1JcM/\n";
static const char prehashed[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUTclcy9lk0o/7n7Msv0HtB/OX7Hp7vH1s0MY5R0mdMUaLfru7"
	"peZHg/rbmLjWKhYajIEqKQsYeJtWTxEsXKsV1TJFKVnFWPfw0=\n"
	"trusted comment: trusted words\n"
	"dz+BP6ODphAj3LjyTG8bp0kiAQ6HYg8Xb9Uf8UunTCwK"
	"QpoJ5h8yE5Q+ZQCvC7TF2osMnmJbisSN/MBiPXYeBg==\n";
static const char legacy[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWTclcy9lk0o/yijrtcfvKl8LpktUsOa0KTfnHhgnbO1QrHeYF"
	"5ZgVlSMwHw8tUNnyM0lC+/SwRP693JVrlZe3wbQ5P+d8h40QQ=\n"
	"trusted comment: trusted words\n"
	"h3UsbBPQCVFLF/4+0pTRuMesceD9XmG04vTtr3DCypIz"
	"uTWu0lu9M+OHZQKFKsNAVhR/PLbMnIqvehzDcdVXCg==\n";

static int verify(const char *text, const char *bytes, size_t size)
{
	struct signature_key key;
	struct signature signature;

	if (signature_key_parse(key_text, &key) ||
	    signature_parse(text, &signature))
		return -EINVAL;
	return signature_verify(&signature, &key, bytes, size);
}

TEST(verified)
{
	struct signature signature;
	char id[SIGNATURE_KEY_ID_TEXT];

	CHECK_EQ(verify(prehashed, "hi\n", 3), 0);
	CHECK_EQ(verify(legacy, "hi\n", 3), 0);
	CHECK_EQ(signature_parse(prehashed, &signature), 0);
	CHECK_STR(signature.comment, "trusted words");
	CHECK_STR(signature_key_id(signature.key_id, id), "FF284D96BDCC95DC");
}

TEST(other_bytes)
{
	CHECK_EQ(verify(prehashed, "ho\n", 3), -EBADMSG);
	CHECK_EQ(verify(prehashed, "hi\n\n", 4), -EBADMSG);
	CHECK_EQ(verify(prehashed, "", 0), -EBADMSG);
	CHECK_EQ(verify(legacy, "ho\n", 3), -EBADMSG);
}

/* No byte behind the first line can be another one and nobody notices. */
static void damage(const char *good)
{
	static const uint8_t changes[] = { 0x01, 0x02, 0x20, 0x40, 0x80 };
	char text[sizeof(prehashed) + sizeof(legacy)];
	size_t from = strcspn(good, "\n") + 1, size = strlen(good);

	/* Except that the last line may end otherwise. */
	for (size_t i = from; i + 1 < size; i++)
		for (size_t k = 0; k < sizeof(changes); k++) {
			memcpy(text, good, size + 1);
			text[i] = (char)(text[i] ^ changes[k]);
			if (!verify(text, "hi\n", 3))
				TAP_FAIL("byte %zu as 0x%02x passes", i,
					 (uint8_t)text[i]);
		}
}

TEST(damaged) { damage(prehashed); }
TEST(damaged_legacy) { damage(legacy); }

TEST(cut)
{
	char text[sizeof(prehashed)];

	for (size_t size = 0; size + 2 < sizeof(prehashed); size++) {
		memcpy(text, prehashed, size);
		text[size] = '\0';
		if (!verify(text, "hi\n", 3))
			TAP_FAIL("%zu bytes of it pass", size);
	}
}

TEST(keys)
{
	struct signature_key key;
	char text[sizeof(key_text)];

	/* The line alone, as minisign -P wants it. */
	CHECK_EQ(signature_key_parse(strchr(key_text, '\n') + 1, &key), 0);
	CHECK_EQ(signature_key_parse("", &key), -EBADMSG);
	CHECK_EQ(signature_key_parse("untrusted comment: x\n", &key), -EBADMSG);
	CHECK_EQ(signature_key_parse(prehashed, &key), -EBADMSG);
	for (size_t size = 0; size + 3 < sizeof(key_text); size++) {
		memcpy(text, key_text, size);
		text[size] = '\0';
		if (!signature_key_parse(text, &key))
			TAP_FAIL("%zu bytes of it pass", size);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
