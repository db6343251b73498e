/* Keys and signatures of minisign: none that is made up verifies anything. */
#include "../../agent/signature.h"
#include "fuzz.h"

static const char key_text[] =
	"RWTclcy9lk0o/+wGcYUw0nEj3wsLXuFrX0DtHYb48IjQA38lwgf1JcM/\n";

static bool read_signature(const uint8_t *bytes, size_t size)
{
	owned(free_p) char *text = strndup((const char *)bytes, size);
	struct signature signature;
	struct signature_key key;

	PROMISE(text);
	if (!signature_key_parse(text, &key))
		return true;
	if (signature_parse(text, &signature))
		return false;
	PROMISE(memchr(signature.comment, '\0', sizeof(signature.comment)));
	PROMISE(!signature_key_parse(key_text, &key));
	PROMISE(signature_verify(&signature, &key, "not this", 8));
	return true;
}

static void seeds(void)
{
	static const char signature[] =
		"untrusted comment: signature from minisign secret key\n"
		"RUTclcy9lk0o/7n7Msv0HtB/OX7Hp7vH1s0MY5R0mdMUaLfru7peZHg/"
		"rbmLjWKhYajIEqKQsYeJtWTxEsXKsV1TJFKVnFWPfw0=\n"
		"trusted comment: trusted words\n"
		"dz+BP6ODphAj3LjyTG8bp0kiAQ6HYg8Xb9Uf8UunTCwKQpoJ5h8yE5Q+"
		"ZQCvC7TF2osMnmJbisSN/MBiPXYeBg==\n";

	fuzz_seed(key_text, strlen(key_text));
	fuzz_seed(signature, strlen(signature));
}

const struct fuzz_target fuzz_target = {
	.read = read_signature, .seeds = seeds, .text = true,
};
