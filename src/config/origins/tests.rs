//! Which pages pass which rule.

use super::*;

fn listed(entries: &[&str]) -> Result<Origins, ConfigError> {
    Origins::parse(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>())
}

#[test]
fn same_host_means_the_host_and_port_that_the_request_names() {
    // origin, host, over TLS, allowed
    let table: &[(&str, &str, bool, bool)] = &[
        ("http://h.example", "h.example", false, true),
        ("https://h.example", "h.example", true, true),
        ("HTTPS://H.Example", "h.eXample", true, true),
        ("http://h.example:80", "h.example", false, true),
        ("http://h.example", "h.example:80", false, true),
        ("https://h.example:443", "h.example", true, true),
        ("http://h.example:8080", "h.example:8080", false, true),
        ("http://[::1]:8080", "[::1]:8080", false, true),
        ("http://localhost", "localhost:", false, true),
        // A proxy took the TLS off, and passed Host on as the browser sent it.
        ("https://h.example", "h.example", false, true),
        ("https://h.example", "h.example:443", false, true),
        // The proxy passed its own idea of Host on, or none of the port.
        ("https://h.example:8443", "h.example", false, false),
        ("https://h.example", "h.example:8080", false, false),
        ("https://h.example", "127.0.0.1:8080", false, false),
        // Another port is another site; so is a page that came in the clear to a TLS socket.
        ("http://h.example:3000", "h.example:8080", false, false),
        ("http://h.example", "h.example", true, false),
        ("http://h.example:8080", "h.example", false, false),
        ("https://evil.example", "h.example", true, false),
        ("https://h.example.evil.example", "h.example", true, false),
        ("https://evil-h.example", "h.example", true, false),
        ("https://h.example@evil.example", "h.example", true, false),
        ("https://evil.example/h.example", "h.example", true, false),
        // As Go's x/net writes it.
        ("https://h.example/", "h.example", true, true),
        ("http://[::1]:8080/", "[::1]:8080", false, true),
        ("https://h.example//", "h.example", true, false),
        ("https://evil.example/", "h.example", true, false),
        ("file://", "h.example", true, false),
        ("file:///", "", true, false),
        ("https://h.example https://evil.example", "h.example", true, false),
        ("capacitor://h.example", "h.example", false, false),
        ("null", "h.example", true, false),
        ("null", "null", true, false),
        ("", "h.example", true, false),
        ("h.example", "h.example", true, false),
        ("://h.example", "h.example", true, false),
    ];
    for &(origin, host, secure, allowed) in table {
        let found = Origins::SameHost.allows(Some(origin.as_bytes()), host.as_bytes(), secure);
        assert_eq!(found, allowed, "{origin} with {host}, secure: {secure}");
    }
}

#[test]
fn an_absent_origin_is_allowed_by_every_rule() {
    for origins in [Origins::SameHost, Origins::Any, Origins::List(Vec::new())] {
        assert!(origins.allows(None, b"h.example", false));
    }
}

#[test]
fn an_origin_of_any_bytes_is_refused_without_a_panic() {
    for origin in
        [b"\xff\xfe".as_slice(), b"https://\xc3\xa9.example", b"https://[", b"https://h:99999", b"a://["]
    {
        assert!(!Origins::SameHost.allows(Some(origin), b"\xff", true));
        assert!(!listed(&["https://h.example"]).unwrap().allows(Some(origin), b"h", true));
        assert!(Origins::Any.allows(Some(origin), b"h", true));
    }
}

#[test]
fn a_listed_origin_is_compared_with_default_ports_made_explicit() {
    let origins =
        listed(&["https://Chat.example", "http://localhost:3000", "capacitor://localhost"]).unwrap();
    let allowed = [
        "https://chat.example",
        "HTTPS://chat.EXAMPLE:443",
        "http://localhost:3000",
        "capacitor://localhost",
    ];
    for origin in allowed {
        assert!(origins.allows(Some(origin.as_bytes()), b"other.example", false), "{origin}");
    }
    let refused = [
        "http://chat.example",
        "https://chat.example:8443",
        "http://localhost",
        "https://a.chat.example",
        "null",
    ];
    for origin in refused {
        assert!(!origins.allows(Some(origin.as_bytes()), b"other.example", false), "{origin}");
    }
    assert!(
        !origins.allows(Some(b"https://other.example"), b"other.example", true),
        "a list replaces the same host"
    );
}

#[test]
fn an_entry_with_a_final_slash_is_the_origin_without() {
    for entry in ["https://h.example/", "HTTPS://h.example:443/", "https://h.example"] {
        let origins = listed(&[entry]).unwrap();
        for origin in ["https://h.example", "https://h.example/", "https://h.example:443/"] {
            assert!(origins.allows(Some(origin.as_bytes()), b"h", false), "{origin} by {entry}");
        }
        for origin in ["http://h.example/", "https://h.example.evil/", "https://h.example/x", "null"] {
            assert!(!origins.allows(Some(origin.as_bytes()), b"h", false), "{origin} by {entry}");
        }
    }
    let below = listed(&["https://*.app.example/"]).unwrap();
    assert!(below.allows(Some(b"https://a.app.example/"), b"h", false));
    assert!(!below.allows(Some(b"https://app.example/"), b"h", false));
}

#[test]
fn pages_without_a_host_pass_if_their_own_entry_is_listed_and_by_no_other() {
    let (null, file) = (&["null"][..], &["FILE://"][..]);
    for (entries, origin, allowed) in [
        (null, "null", true),
        (null, "NULL", false),
        (null, "null/", false),
        (null, "", false),
        (null, "file://", false),
        (null, "https://null", false),
        (file, "file://", true),
        (file, "file:///", true),
        (file, "File://", true),
        (file, "file:////", false),
        (file, "file://evil.example", false),
        (file, "null", false),
        (&["file:///", "https://h.example"][..], "file://", true),
        (&["https://h.example"][..], "file://", false),
    ] {
        let origins = listed(entries).unwrap();
        assert_eq!(origins.allows(Some(origin.as_bytes()), b"h", false), allowed, "{origin} by {entries:?}");
    }
}

#[test]
fn an_asterisk_alone_allows_any_page_and_an_empty_list_none() {
    assert_eq!(listed(&["*"]), Ok(Origins::Any));
    assert_eq!(listed(&[]), Ok(Origins::List(Vec::new())));
    assert!(!listed(&[]).unwrap().allows(Some(b"https://h.example"), b"h.example", true));
}

#[test]
fn a_wrong_entry_is_quoted_with_what_is_wrong() {
    let table = [
        ("chat.example", "the origin 'chat.example' has no scheme; write it as https://chat.example"),
        (
            "https://h.example/chat",
            "the origin 'https://h.example/chat' has a path; an origin is scheme, host and port only",
        ),
        (
            "https://h.example//",
            "the origin 'https://h.example//' has a path; an origin is scheme, host and port only",
        ),
        ("file:///etc", "the origin 'file:///etc' has a path; an origin is scheme, host and port only"),
        (
            "wss://h.example",
            "the origin 'wss://h.example' names the WebSocket; name the page that opens it, with http or https",
        ),
        (
            "https://\u{e9}.example",
            "the origin 'https://\u{e9}.example' is not ASCII; write the host in its xn-- form",
        ),
        ("https://h:port", "the origin 'https://h:port' is not scheme://host or scheme://host:port"),
        ("https://", "the origin 'https://' is not scheme://host or scheme://host:port"),
        ("", "the origin '' has no scheme; write it as https://chat.example"),
    ];
    for (entry, reason) in table {
        assert_eq!(listed(&[entry]), Err(ConfigError::new("origins", reason)));
    }
    let mixed = "the origin '*' allows every page and has to stand alone";
    assert_eq!(listed(&["https://h.example", "*"]), Err(ConfigError::new("origins", mixed)));
}

#[test]
fn a_wildcard_stands_for_any_names_before_a_domain_and_never_for_the_domain_itself() {
    let origins = listed(&["https://*.Chat.example", "http://*.dev.example:3000"]).unwrap();
    let allows = |origin: &str| origins.allows(Some(origin.as_bytes()), b"other.example", false);
    for origin in [
        "https://a.chat.example",
        "HTTPS://A.CHAT.EXAMPLE:443",
        "https://a.b.c.chat.example",
        "http://a.dev.example:3000",
    ] {
        assert!(allows(origin), "{origin}");
    }
    for origin in [
        "https://chat.example",
        "https://.chat.example",
        "https://..chat.example",
        "https://a..chat.example",
        "https://.a.chat.example",
        "https://evilchat.example",
        "https://evil-chat.example",
        "https://a.chat.example.",
        "https://a.chat.example.evil.example",
        "https://a.chat.example:8443",
        "https://*.chat.example",
        "http://a.chat.example",
        "http://a.dev.example",
        "https://a.dev.example:3000",
        "null",
    ] {
        assert!(!allows(origin), "{origin}");
    }
}

#[test]
fn a_wildcard_out_of_place_or_over_too_much_is_refused() {
    let misplaced = "has a '*' that is not the whole first name of its host, as in https://*.chat.example";
    let too_much = "allows too much; behind '*.' there have to be two names, as in https://*.chat.example";
    let shapeless = "is not scheme://host or scheme://host:port";
    for (entry, reason) in [
        ("https://a.*.example", misplaced),
        ("https://*a.chat.example", misplaced),
        ("https://a*.chat.example", misplaced),
        ("https://*.*.chat.example", misplaced),
        ("https://*", misplaced),
        ("https://*:443", misplaced),
        ("https://chat.example:*", misplaced),
        ("*://chat.example", misplaced),
        ("https://*.example", too_much),
        ("https://*.localhost:3000", too_much),
        ("https://*.example.", too_much),
        ("https://*.chat..example", too_much),
        ("https://*..chat.example", too_much),
        ("https://*.0.0.1", too_much),
        ("https://*.[::1]", too_much),
        ("https://*.", shapeless),
        ("https://*.chat.example:port", shapeless),
        ("*.chat.example", "has no scheme; write it as https://chat.example"),
    ] {
        let reason = format!("the origin '{entry}' {reason}");
        assert_eq!(listed(&[entry]), Err(ConfigError::new("origins", reason)));
    }
}

#[test]
fn a_host_is_a_name_or_an_address_with_an_optional_port() {
    assert_eq!(host_and_port(b"h.example"), Some(("h.example", None)));
    assert_eq!(host_and_port(b"my_service:8080"), Some(("my_service", Some(8080))));
    assert_eq!(host_and_port(b"[2001:db8::1]:1"), Some(("[2001:db8::1]", Some(1))));
    assert_eq!(host_and_port(b"[::1]"), Some(("[::1]", None)));
    assert_eq!(host_and_port(b"h:"), Some(("h", None)));
    let wrong: [&[u8]; 14] = [
        b"", b":80", b"a b", b"a,b", b"a@b", b"a/b", b"::1", b"[::1", b"[h]", b"[::1]x", b"h:+1", b"h:65536",
        b"h:1:2", b"\xff",
    ];
    for host in wrong {
        assert_eq!(host_and_port(host), None, "{}", host.escape_ascii());
    }
}
