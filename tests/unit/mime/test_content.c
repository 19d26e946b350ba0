/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of mime/content.c.
 */
#include "mime/content.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void collect(void *ctx, struct str boundary)
{
	buf_put(ctx, boundary);
	buf_putc(ctx, '|');
}

static void test_type(void **state)
{
	static const struct {
		const char *body;
		enum mime_type type;
		enum mime_subtype sub;
		const char *boundaries;
	} cases[] = {
		{ " text/plain; boundary=x", MIME_TYPE_OTHER, MIME_SUB_OTHER, "" },
		{ "", MIME_TYPE_OTHER, MIME_SUB_OTHER, "" },
		{ " multipart/mixed; boundary=bb", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "bb|" },
		{ " MULTIPART / Digest ; x=y ;\n boundary = \"b b\"", MIME_TYPE_MULTIPART,
			MIME_SUB_DIGEST, "b b|" },
		{ " multipart; boundary=bb", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "bb|" },
		{ " multipart/mixed boundary=bb", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "" },
		{ " multipart/x; boundary=b b", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "b|" },
		{ " multipart/x; boundary=b/b", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "b|" },
		{ " multipart/x; boundary=", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "" },
		{ " multipart/x; boundary=\"", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "" },
		{ " multipart/x; boundary=\"bb", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "bb|" },
		{ " multipart/x; boundary=a; boundary=b", MIME_TYPE_MULTIPART, MIME_SUB_OTHER,
			"a|b|" },
		{ " multipart/x; boundary*=a; boundary*0=b", MIME_TYPE_MULTIPART, MIME_SUB_OTHER,
			"" },
		{ " multipart/x; foo boundary=a", MIME_TYPE_MULTIPART, MIME_SUB_OTHER, "" },
		{ " multipart/x; (c (d) \\) ) boundary=(x)a", MIME_TYPE_MULTIPART, MIME_SUB_OTHER,
			"a|" },
		{ " multipart/x; n=\"; boundary=z\";;boundary=\"a\\\"\\\\b\"c", MIME_TYPE_MULTIPART,
			MIME_SUB_OTHER, "a\"\\b|" },
		{ " message/rfc822", MIME_TYPE_MESSAGE, MIME_SUB_RFC822, "" },
		{ " (x) message/RFC822; foo", MIME_TYPE_MESSAGE, MIME_SUB_RFC822, "" },
		{ " message/rfc822-x", MIME_TYPE_MESSAGE, MIME_SUB_OTHER, "" },
		{ " message/global", MIME_TYPE_MESSAGE, MIME_SUB_GLOBAL, "" },
		{ " message/partial", MIME_TYPE_MESSAGE, MIME_SUB_PARTIAL, "" },
		{ " message/external-body", MIME_TYPE_MESSAGE, MIME_SUB_EXTERNAL, "" },
		{ " (open", MIME_TYPE_OTHER, MIME_SUB_OTHER, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
		struct mime_content_type ct = mime_content_type_parse(str_of(cases[i].body),
			collect, &b);

		if (ct.type != cases[i].type || ct.subtype != cases[i].sub ||
			!str_eq(buf_str(&b), str_of(cases[i].boundaries)))
			fail_msg("\"%s\": %d %d %s", cases[i].body, (int)ct.type, (int)ct.subtype,
				buf_cstr(&b));
	}
}

static void test_encoding(void **state)
{
	static const struct {
		const char *body;
		enum mime_encoding enc;
	} cases[] = {
		{ " 7bit", MIME_ENC_7BIT },
		{ " 8BIT foo", MIME_ENC_8BIT },
		{ "binary", MIME_ENC_BINARY },
		{ " (c) Quoted-Printable", MIME_ENC_QP },
		{ " base64", MIME_ENC_BASE64 },
		{ " \"8bit\"", MIME_ENC_UNKNOWN },
		{ " 8bits", MIME_ENC_UNKNOWN },
		{ "", MIME_ENC_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (mime_encoding_parse(str_of(cases[i].body)) != cases[i].enc)
			fail_msg("\"%s\"", cases[i].body);
	assert_string_equal(mime_encoding_name(MIME_ENC_QP), "quoted-printable");
	assert_string_equal(mime_encoding_name(MIME_ENC_UNKNOWN), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_encoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
