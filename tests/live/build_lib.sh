# What the tests of hotfix-build share, on top of lib.sh.
#
#	source_of srv.c <<-'EOF' ... EOF     a C file in the test's directory
#	target srv [flags] srv.c             compiled as distributions do
#	build srv fix.c [options]            succeeds; output in $STDOUT, $STDERR
#	build_refused CODE srv fix.c [...]   exit 3, that code, no file left
#
# The patch is $TMP/fix.hotfix.so; `note` prints its manifest.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BUILD=$HOTFIX_O/hotfix-build
DISTRIBUTION_FLAGS='-g -O2 -fstack-protector-strong -Wl,--build-id'
export TMPDIR

source_of() { cat >"$TMP/$1"; }

target() # NAME FLAG_OR_FILE...
{
	local name=$1
	shift
	(cd "$TMP" && ${TARGET_CC:-gcc} $DISTRIBUTION_FLAGS -o "$name" "$@")
}

# Temporary files are counted, so they have a directory of their own.
build_exit() # STATUS TARGET SOURCE [OPTION]...
{
	local status=$1 target=$2 source=$3
	shift 3
	mkdir -p "$TMP/tmp"
	(cd "$TMP" && TMPDIR=$TMP/tmp program_exit $status "$BUILD" \
		--target "$target" -o fix.hotfix.so "$source" "$@")
	STDOUT=$(tr -d '\0' <"$TMP/stdout") STDERR=$(<"$TMP/stderr")
	case " $* " in
	*' --keep-temps '*) ;;
	*) is "$(ls -A "$TMP/tmp")" '' 'temporary files left' ;;
	esac
}

build() { build_exit 0 "$@"; }

build_refused() # CODE TARGET SOURCE [OPTION]...
{
	local code=$1
	shift
	rm -f "$TMP/fix.hotfix.so"
	build_exit 3 "$@" --json
	json_is error.code "$code"
	json_is exit 3
	stderr_says '^hotfix-build: error: '
	no_patch
}

no_patch()
{
	[ ! -e "$TMP/fix.hotfix.so" ] || fail 'a patch file was left'
	[ ! -e "$TMP/fix.hotfix.so.tmp" ] || fail 'half a patch file was left'
}

note() # the manifest as text, one member a line
{
	objcopy -O binary --only-section=.note.hotfix --set-section-flags \
		.note.hotfix=alloc "$TMP/fix.hotfix.so" "$TMP/note" 2>/dev/null
	"$PYTHON" - "$TMP/note" <<-'EOF'
		import json, struct, sys
		data = open(sys.argv[1], 'rb').read()
		size = struct.unpack_from('<I', data, 4)[0]
		print(json.dumps(json.loads(data[20:20 + size]), indent=1))
	EOF
}

note_says()
{
	note >"$TMP/note.json"
	grep -qE -- "$1" "$TMP/note.json" || fail "the manifest lacks '$1':
$(<"$TMP/note.json")"
}

# The manifest's import for a symbol: one member of it, addresses in decimal.
import_of() # SYMBOL MEMBER
{
	note >"$TMP/note.json"
	"$PYTHON" - "$TMP/note.json" "$1" "$2" <<-'EOF'
		import json, sys
		for value in json.load(open(sys.argv[1]))['imports']:
		    if value['symbol'] == sys.argv[2]:
		        for key in sys.argv[3].split('.'):
		            value = value[key]
		        hexadecimal = str(value).startswith('0x')
		        print(int(value, 16) if hexadecimal else value)
	EOF
}

# The address of a symbol of a file, as in the manifest (decimal).
address_of() # FILE SYMBOL
{
	nm "$TMP/$1" | awk -v name="$2" '$3 == name { print "0x" $1; exit }' |
		{ read -r hex && echo $((hex)); }
}

# A target whose charge() has everything that a fix may want to use.
shop()
{
	source_of srv.c <<-'EOF'
		#include <stdio.h>
		#include <string.h>
		struct order { int amount; const char *card; };
		static int nr_orders = 5;
		static __thread int last_error;
		int limit = 3;
		__attribute__((noinline)) static int check_card(const char *card)
		{
			last_error++;
			return strlen(card) > 3;
		}
		__attribute__((noinline)) int charge(struct order *order, int fee)
		{
			static int nr_calls;
			nr_calls++;
			if (!check_card(order->card))
				return -1;
			nr_orders += order->amount;
			fprintf(stderr, "%d %d\n", nr_orders, nr_calls);
			return fee > limit;
		}
		int main(int argc, char **argv)
		{
			struct order order = { argc, argv[0] };
			puts("ready");
			return charge(&order, argc) + charge(&order, 2);
		}
	EOF
	source_of fix.c <<-'EOF'
		#include <stdio.h>
		#include <hotfix/hotfix.h>
		struct order { int amount; const char *card; };
		extern int nr_orders, limit, nr_calls;
		extern __thread int last_error;
		extern int check_card(const char *card);
		HOTFIX_IMPORT_AS(nr_calls, "srv.c", charge.nr_calls);
		static const char *const words[] = { "one", "two" };
		int charge(struct order *order, int fee)
		{
			fprintf(stderr, "%s %d\n", words[fee & 1], nr_calls);
			if (fee > limit || last_error)
				return nr_orders;
			return check_card(order->card) +
			       HOTFIX_ORIGINAL(charge)(order, fee);
		}
		HOTFIX_REPLACE(charge);
	EOF
}
