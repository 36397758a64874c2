use proptest::prelude::*;

use super::*;

const A: Mac = Mac([0xb0, 0xc5, 0x54, 0, 0, 0xa]);
const B: Mac = Mac([0xb0, 0xc5, 0x54, 0, 0, 0xb]);
const NEW: Mac = Mac([0xb0, 0xc5, 0x54, 0, 0, 0xff]);

fn add_camera(text: &str, camera: &NewCamera) -> Result<String, EditError> {
    super::add_camera(text, camera).map(|edited| edited.text)
}

fn remove_camera(text: &str, mac: Mac) -> Result<String, EditError> {
    super::remove_camera(text, mac).map(|edited| edited.text)
}

fn new_camera() -> NewCamera {
    NewCamera { mac: NEW, name: "new".to_owned(), profile: None }
}

/// Shorthand: `@a` and `@b` are cameras' fields on two lines, `<a>`, `<b>` and `<new>` inline
/// cameras, and `@new` the table of the new one.
fn expand(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, mac) in [("a", A), ("b", B), ("new", NEW)] {
        let fields = format!("mac = \"{mac}\"\nname = \"{name}\"");
        let heading = if name == "new" { "[[camera]]\n" } else { "" };
        text = text.replace(&format!("@{name}"), &format!("{heading}{fields}"));
        let inline = format!("{{ {} }}", fields.replace('\n', ", "));
        text = text.replace(&format!("<{name}>"), &inline);
    }
    text
}

#[track_caller]
fn adds(text: &str, expected: &str) {
    let (text, expected) = (expand(text), expand(expected));
    let added = add_camera(&text, &new_camera()).unwrap();
    assert_eq!(added, expected);
    assert_eq!(remove_camera(&added, NEW).unwrap(), text, "and back");
}

#[track_caller]
fn removes_a(text: &str, expected: &str) {
    assert_eq!(remove_camera(&expand(text), A).unwrap(), expand(expected));
}

#[test]
fn adds_the_first_table_at_the_end() {
    adds("", "@new\n");
    adds("\u{feff}", "\u{feff}@new\n");
    adds("\n", "\n\n@new\n");
    adds("# note\n", "# note\n\n@new\n");
    adds("[fence]\nhook = \"tc\"\n", "[fence]\nhook = \"tc\"\n\n@new\n");
    adds("[fence]\n\n\n", "[fence]\n\n@new\n\n\n");
    adds("[fence] # no line end", "[fence] # no line end\n\n@new");
}

#[test]
fn adds_a_table_after_the_last() {
    adds("[[camera]]\n@a\n", "[[camera]]\n@a\n\n@new\n");
    adds("[[camera]]\n@a", "[[camera]]\n@a\n\n@new");
    adds("[[camera]]\n@a\n\n[metrics]\nlisten = \"[::1]:1\"\n", {
        "[[camera]]\n@a\n\n@new\n\n[metrics]\nlisten = \"[::1]:1\"\n"
    });
    adds("[[camera]]\n@a\n[fence]\n[[camera]]\n@b\n", {
        "[[camera]]\n@a\n[fence]\n[[camera]]\n@b\n\n@new\n"
    });
}

#[test]
fn leaves_comments_where_they_belong() {
    adds("[[camera]]\n@a # its name\n# its end\n\n# of all\n", {
        "[[camera]]\n@a # its name\n# its end\n\n@new\n\n# of all\n"
    });
    adds("[[camera]]\n@a\n# fence's\n[fence]\n", {
        "[[camera]]\n@a\n\n@new\n# fence's\n[fence]\n"
    });
}

#[test]
fn keeps_the_line_ends_of_the_file() {
    let crlf = |text: &str| expand(text).replace('\n', "\r\n");
    for (text, expected) in [
        ("[fence]\n", "[fence]\n\n@new\n"),
        ("[fence]\n\n[[camera]]\n@a\n\n# end\n", "[fence]\n\n[[camera]]\n@a\n\n@new\n\n# end\n"),
        ("[fence]\n[[camera]]\n@a", "[fence]\n[[camera]]\n@a\n\n@new"),
        ("camera = [\n  <a>, # a\n]\n", "camera = [\n  <a>, # a\n  <new>,\n]\n"),
    ] {
        let added = add_camera(&crlf(text), &new_camera()).unwrap();
        assert_eq!(added, crlf(expected));
        assert_eq!(remove_camera(&added, NEW).unwrap(), crlf(text));
    }
}

#[test]
fn adds_to_an_array() {
    adds("camera = []\n", "camera = [<new>]\n");
    adds("camera = [ # none yet\n]", "camera = [<new> # none yet\n]");
    adds("camera = [<a>]", "camera = [<a>, <new>]");
    adds("camera = [<a>,]", "camera = [<a>, <new>,]");
    adds("camera = [ <a> , <b> ]", "camera = [ <a> , <b>, <new> ]");
    adds("camera = [\n  <a>, # a\n  <b>, # b\n]\n", {
        "camera = [\n  <a>, # a\n  <b>, # b\n  <new>,\n]\n"
    });
    adds("camera = [\n  <a>, # a\n  <b> # b, really\n  # end\n]\n", {
        "camera = [\n  <a>, # a\n  <b>, # b, really\n  <new>\n  # end\n]\n"
    });
    adds("camera = [\n  <a>\n, <b>\n]", "camera = [\n  <a>\n, <b>, <new>\n]");
    adds("camera = [\n  <a>\n  # c\n  ,\n]", "camera = [\n  <a>\n  # c\n  , <new>,\n]");
}

#[test]
fn leaves_everything_else_a_configuration_can_say() {
    let profile = "[profile.a]\nallow = [ # all\n  \"ntp to any\",\n]\ndns = [\"a.net\"]\n\
                   port-mapping = 'deny'\n";
    let camera = "[[camera]]\n@a\naddresses = [\n  \"10.0.0.1\", # wired\n]\nmode = \"audit\"\n";
    let interface = "[interface.\"eth0.20\"]\nunknown = \"a\"\n";
    let added = format!("{profile}\n{camera}\n@new\n\n{interface}");
    adds(&format!("{profile}\n{camera}\n{interface}"), &added);
    adds(&format!("{profile}\n{interface}"), &format!("{profile}\n{interface}\n@new\n"));
    removes_a(&format!("{profile}\n{camera}\n{interface}"), &format!("{profile}\n{interface}"));
    adds("camera = [\n  { mac = \"m\", name = \"n\", addresses = [\"::2\"] },\n]\n", {
        "camera = [\n  { mac = \"m\", name = \"n\", addresses = [\"::2\"] },\n  <new>,\n]\n"
    });
}

#[test]
fn removes_a_table_with_its_own_comments() {
    removes_a("[[camera]]\n@a\n", "");
    removes_a("[[camera]]\n@a\n\n[[camera]]\n@b\n", "[[camera]]\n@b\n");
    removes_a("[[camera]]\n@b\n\n[[camera]]\n@a\n", "[[camera]]\n@b\n");
    removes_a("[[camera]]\n@b\n\n[[camera]]\n@a", "[[camera]]\n@b");
    removes_a("[[camera]]\n@b\n[[camera]]\n@a\n[fence]\n", "[[camera]]\n@b\n[fence]\n");
    removes_a(
        "[fence]\n\n# a's\n  # too\n[[camera]] # a\n# in\n@a # it\n# profile = \"x\"\n\n# x\n",
        "[fence]\n\n# x\n",
    );
    removes_a("[[camera]]\n@a\n# b's\n[[camera]]\n@b\n", "# b's\n[[camera]]\n@b\n");
    removes_a("# of the file\n[[camera]]\n@a\n\n[fence]\n", "# of the file\n\n[fence]\n");
    removes_a("# x\n\n[[camera]]\n@a\n\n# y\n", "# x\n\n# y\n");
    removes_a("[fence] # x\n[[camera]]\nname = \"a\" # b\nmac = \"B0-C5-54-00-00-0A\"\n", {
        "[fence] # x\n"
    });
}

#[test]
fn removes_from_an_array() {
    removes_a("camera = [<a>]", "camera = []");
    removes_a("camera = [ <a>, ]", "camera = [ ]");
    removes_a("camera = [<a>, <b>]", "camera = [<b>]");
    removes_a("camera = [<b>, <a>]", "camera = [<b>]");
    removes_a("camera = [<b>, <a>,]", "camera = [<b>,]");
    removes_a("camera = [\n  # a's\n  <a>, # a\n  <b>, # b\n]", "camera = [\n  <b>, # b\n]");
    removes_a("camera = [\n  <b>, # b\n  <a> # a\n]", "camera = [\n  <b> # b\n]");
    removes_a("camera = [\n  <b>, # b, too\n  # a's\n  <a>\n  # end\n]", {
        "camera = [\n  <b> # b, too\n  # end\n]"
    });
    removes_a("camera = [\n  <b>, # b\n  <a> ]", "camera = [\n  <b> # b\n   ]");
    removes_a("camera = [\n  <b>\n, <a>\n]", "camera = [\n  <b>\n\n]");
}

#[test]
fn writes_profiles_and_awkward_names() {
    let text = "[profile.nvr-only]\n";
    for name in ["a \"b\" 'c'", r"back\slash", "é", "#", "[x]", "'''"] {
        let profile = Some("nvr-only".to_owned());
        let camera = NewCamera { mac: NEW, name: name.to_owned(), profile };
        for text in [text.to_owned(), format!("camera = [ ]\n{text}")] {
            let added = add_camera(&text, &camera).unwrap();
            let config = Config::parse(Path::new("c.toml"), &added).unwrap();
            assert_eq!((config.cameras[0].mac, config.cameras[0].name.as_str()), (NEW, name));
            assert_eq!(config.profile_of(&config.cameras[0]).name, "nvr-only");
            assert_eq!(remove_camera(&added, NEW).unwrap(), text);
        }
    }
}

#[test]
fn refuses_a_camera_that_does_not_fit() {
    let text = expand("[profile.nvr]\n[[camera]]\n@a\n");
    let new = new_camera();
    for (camera, line, what) in [
        (
            NewCamera { mac: A, ..new.clone() },
            Some(3),
            "camera b0:c5:54:00:00:0a is already on line 3",
        ),
        (
            NewCamera { name: "a".into(), ..new.clone() },
            Some(4),
            "the name \"a\" is already used on line 4",
        ),
        (NewCamera { name: String::new(), ..new.clone() }, None, "the camera's name is empty"),
        (
            NewCamera { mac: Mac([0; 6]), ..new.clone() },
            None,
            "00:00:00:00:00:00 is all zeros, which no device has",
        ),
        (
            NewCamera { profile: Some("nrv".into()), ..new.clone() },
            None,
            "there is no profile \"nrv\"",
        ),
    ] {
        match add_camera(&text, &camera).unwrap_err() {
            EditError::Refused(problem) => {
                assert_eq!((problem.line, problem.what.as_str()), (line, what));
                assert!(!problem.hint.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn refuses_what_it_cannot_read() {
    for (text, line) in [("[fence\n", 1), ("\ncamera = 3", 2), ("\n[camera]", 2)] {
        for result in [add_camera(text, &new_camera()), remove_camera(text, A)] {
            let Err(EditError::Broken(problem)) = result else { panic!("{result:?}") };
            assert_eq!(problem.line, Some(line), "{text:?}");
        }
    }
}

#[test]
fn says_that_a_camera_is_not_there() {
    let error = remove_camera(&expand("[[camera]]\n@a\n"), B).unwrap_err();
    assert_eq!(error, EditError::NotFound(B));
    assert_eq!(error.to_string(), "there is no camera b0:c5:54:00:00:0b");
    assert!(error.hint().contains("camfence list"));
}

#[test]
fn a_comment_sign_inside_a_value_is_not_a_comment() {
    // The line above the table looks like a comment of its own. Cutting it would break the text,
    // and the text that comes of that is never handed out.
    let text = expand("[fence]\nhook = \"\"\"\n# tc\"\"\"\n[[camera]]\n@a\n");
    assert_eq!(remove_camera(&text, A), Err(EditError::Layout));
}

fn comment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => Just("\n".to_owned()),
        1 => Just(" \t\n".to_owned()),
        1 => "# [a-z\"\\[\\]{},=]{0,6}\n",
        1 => "\n# [a-z]{0,6}\n\n",
        1 => "\n\n# [a-z]{0,6}\n  # é\n",
    ]
}

fn end_of_line() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("\n"), Just(" # x\n"), Just("\n# below\n"), Just("\n\n")]
}

/// A table of some kind, with comments around and in it.
fn section() -> impl Strategy<Value = String> {
    let parts = (0..4_u8, any::<u8>(), comment(), comment(), end_of_line());
    parts.prop_map(|(kind, id, above, inside, end)| {
        if kind == 0 {
            return format!("{above}[profile.p{id}]{end}{inside}local = [\"auto\"]{end}");
        }
        let mac = format!("{inside}mac = \"02:00:00:00:00:{id:02x}\"");
        format!("{above}[[camera]]{end}{mac}\n{inside}name = \"c{id}\"{end}")
    })
}

fn tables() -> impl Strategy<Value = String> {
    (comment(), prop::collection::vec(section(), 0..5), comment())
        .prop_map(|(above, sections, below)| above + &sections.concat() + &below)
}

/// An element of an array, what is before its comma, and what is after.
fn array() -> impl Strategy<Value = String> {
    let gap = || prop_oneof![Just(""), Just(" "), Just("\n"), Just("\n  "), Just(" # x, y\n  ")];
    let element = (any::<u8>(), gap(), gap()).prop_map(|(id, above, below)| {
        format!("{above}{{ mac = \"02:00:00:00:00:{id:02x}\", name = \"c{id}\" }}{below}")
    });
    let parts = (comment(), prop::collection::vec(element, 0..4), any::<bool>(), gap(), comment());
    parts.prop_map(|(above, elements, trailing, gap, below)| {
        let comma = if trailing && !elements.is_empty() { "," } else { "" };
        format!("{above}camera = [{}{comma}{gap}]\n{below}[fence]\n", elements.join(","))
    })
}

/// Either kind, with either line end, and with or without one at the end.
fn configuration() -> impl Strategy<Value = String> {
    (prop_oneof![tables(), array()], any::<bool>(), any::<bool>()).prop_map(|(text, crlf, cut)| {
        let text = if cut { text.trim_end_matches('\n') } else { &text };
        if crlf { text.replace('\n', "\r\n") } else { text.to_owned() }
    })
}

fn cameras(text: &str) -> Vec<(String, String)> {
    let raw = read(text).unwrap();
    let pair =
        |Table(camera): Table<RawCamera>| (camera.mac.into_inner(), camera.name.into_inner());
    raw.camera.into_iter().map(pair).collect()
}

proptest! {
    #[test]
    fn adding_and_removing_gives_the_text_back(text in configuration()) {
        // Profiles written twice are the one thing that makes these texts unreadable.
        prop_assume!(read(&text).is_ok());
        let added = add_camera(&text, &new_camera()).unwrap();
        prop_assert_eq!(remove_camera(&added, NEW).unwrap(), text);
    }

    #[test]
    fn removing_takes_one_camera_and_no_line_of_another(text in configuration()) {
        prop_assume!(read(&text).is_ok());
        let all = cameras(&text);
        for (index, (mac, _)) in all.iter().enumerate() {
            let mac: Mac = mac.parse().unwrap();
            // Of two with the same address it is the first that goes.
            if all.iter().position(|(other, _)| other.parse() == Ok(mac)) != Some(index) {
                continue;
            }
            let mut others = all.clone();
            others.remove(index);
            prop_assert_eq!(cameras(&remove_camera(&text, mac).unwrap()), others);
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        text in "(?s)(\\[\\[camera\\]\\]\n|camera = \\[|\\{|\\}|\\]|,|#|\n|\u{feff}|.){0,20}"
    ) {
        let _ = add_camera(&text, &new_camera());
        let _ = remove_camera(&text, A);
    }
}
