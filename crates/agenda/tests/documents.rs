//! Agenda documents of our own making, of every kind and brokenness.

use std::{io::Write as _, path::Path};

use moothall_agenda::{Agenda, AgendaError, read};
use proptest::prelude::*;
use tempfile::NamedTempFile;

fn file(content: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content.as_ref()).expect("the file is written");
    file
}

fn read_bytes(content: impl AsRef<[u8]>) -> Result<Agenda, AgendaError> {
    read(file(content).path())
}

/// Each item as "number|level|title".
fn items(content: impl AsRef<[u8]>) -> Vec<String> {
    let agenda = read_bytes(content).expect("an agenda");
    agenda.items.iter().map(|item| format!("{}|{}|{}", item.number, item.level, item.title)).collect()
}

/// A PDF with one text of the standard font on a line each, from the top of one page.
fn pdf(lines: &[&str]) -> Vec<u8> {
    let shown: String = lines.iter().map(|line| format!("({line}) Tj T* ")).collect();
    let stream = format!("BT /F1 12 Tf 14 TL 72 720 Td {shown}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Courier >> >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        offsets.push(file.len());
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let table = file.len();
    file.push_str("xref\n0 5\n0000000000 65535 f \n");
    for offset in offsets {
        file.push_str(&format!("{offset:010} 00000 n \n"));
    }
    file.push_str(&format!("trailer << /Size 5 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"));
    file.into_bytes()
}

#[test]
fn typed_items_with_sub_items_of_every_kind() {
    let text = "Ashby Parish Council\n12 May 2026 at 7 pm\n\n1. Apologies\n2. Minutes\n   (a) of 3 March\n   (b) of 7 April\n\
        3. Planning\n3.1 12 High Street\n3.2 The Old Forge\n4) Finance:\n   i. Accounts\n   ii. Precept (exempt)\n9. Close\n";
    let expected = [
        "1|0|Apologies",
        "2|0|Minutes",
        "2a|1|of 3 March",
        "2b|1|of 7 April",
        "3|0|Planning",
        "3.1|1|12 High Street",
        "3.2|1|The Old Forge",
        "4|0|Finance:",
        "4(i)|1|Accounts",
        "4(ii)|1|Precept (exempt)",
    ];
    assert_eq!(items(text), expected);
    let agenda = read_bytes(text).expect("an agenda");
    assert_eq!(agenda.title.as_deref(), Some("Ashby Parish Council"));
    let restricted: Vec<_> =
        agenda.items.iter().filter(|item| item.restricted).map(|item| &item.number).collect();
    assert_eq!(restricted, ["4(ii)"]);
    assert!(agenda.items.iter().all(|item| item.page.is_none()));
}

#[test]
fn a_package_as_a_township_prints_it() {
    // Numbers without dots, one of them twice, and titles over two lines.
    let text = "*** AGENDA ***\n\n8.  Resolution:  Authorize a donation to the Agricultural Society 2024 Trout\n    Fall Fair.\n\n\
        9.  Resolution:  Authorize a donation to the Maple Syrup\n    Festival.\n\n\
        9   Resolution: Consideration of a donation\n\n10  Adjournment.\n\n2026 was a good year\n";
    let expected = [
        "8|0|Resolution:  Authorize a donation to the Agricultural Society 2024 Trout Fall Fair.",
        "9|0|Resolution:  Authorize a donation to the Maple Syrup Festival.",
        "9|0|Resolution: Consideration of a donation",
        "10|0|Adjournment.",
    ];
    assert_eq!(items(text), expected);
    let agenda = read_bytes(text).expect("an agenda");
    assert_eq!(agenda.warnings, ["number 9 stands before more than one item"]);
}

#[test]
fn letters_over_numbers_and_counts_that_go_on() {
    let text =
        "A. Opening\n   1. Roll call\n   2. Pledge\nB. Consent\n   3. Minutes\nC. Reports\n   4. Budget\n";
    let expected = [
        "A|0|Opening",
        "A1|1|Roll call",
        "A2|1|Pledge",
        "B|0|Consent",
        "B3|1|Minutes",
        "C|0|Reports",
        "C4|1|Budget",
    ];
    assert_eq!(items(text), expected);
}

#[test]
fn lines_without_numbers_are_counted() {
    let text = "Town Council meeting\n\n- Apologies\n- Minutes\n";
    assert_eq!(items(text), ["1|0|Apologies", "2|0|Minutes"]);
    assert_eq!(items(b"1. Caf\xE9 licence"), ["1|0|Café licence"]);
}

#[test]
fn reports_after_an_agenda_are_no_part_of_it() {
    let text = "1. Apologies\n2. Minutes\n3. Close\n\x0CReport to the Council\n1. Purpose\n2. Background\n";
    assert_eq!(items(text), ["1|0|Apologies", "2|0|Minutes", "3|0|Close"]);
}

#[test]
fn a_pdf_is_read_with_its_pages() {
    let agenda = read_bytes(pdf(&["1.  Apologies", "2.  Minutes", "a.  Of May"])).expect("an agenda");
    let found: Vec<_> = agenda.items.iter().map(|item| (item.number.as_str(), item.page)).collect();
    assert_eq!(found, [("1", Some(1)), ("2", Some(1)), ("2a", Some(1))]);
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let error = |content: &[u8]| read_bytes(content).expect_err("no agenda").to_string();
    assert!(error(&pdf(&[])).contains("ocrmypdf"));
    assert!(error(b"%PDF-1.4\nnothing").contains("damaged PDF"));
    assert!(error(b"PK\x03\x04 docx").contains("save it as PDF"));
    assert!(error(b"<!DOCTYPE html><p>1. One").contains("web page"));
    assert!(error(b"\x7fELF\0\0").contains("binary file"));
    assert!(error(b"").contains("no agenda items"));
    assert!(
        read(Path::new("/no/such/agenda.pdf"))
            .expect_err("no file")
            .to_string()
            .contains("/no/such/agenda.pdf")
    );
}

#[test]
fn a_pdf_with_a_password_is_told() {
    // The security handler is enough: no empty password can fit these keys.
    let key = "00".repeat(32);
    let text = String::from_utf8(pdf(&["1. One"])).expect("our PDF is ASCII");
    let encrypt = format!(
        "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<00> <00>] /Root 1 0 R"
    );
    let error = read_bytes(text.replace("/Root 1 0 R", &encrypt)).expect_err("a password is needed");
    assert!(matches!(error, AgendaError::Password { .. }), "{error}");
}

#[test]
fn a_meeting_from_the_web_service() {
    let xml = "<?xml version=\"1.0\"?>\n<meeting><agendaitems><agendaitem>\
        <agendaitemtitle>R&amp;amp;D &amp;ndash; caf&amp;eacute;\n plan</agendaitemtitle><fulldisplaynumberformat>5a.</fulldisplaynumberformat>\
        <isrestricted>True</isrestricted><isdisplayallowed>True</isdisplayallowed><linkeddocuments>\
        <linkeddoc><title>Plan</title><url>https://example.org/1</url><isrestricted>False</isrestricted></linkeddoc>\
        <linkeddoc><title>Secret</title><url>https://example.org/2</url><isrestricted>True</isrestricted></linkeddoc>\
        <linkeddoc><title>Odd</title><url>javascript:x</url></linkeddoc></linkeddocuments></agendaitem></agendaitems>\
        <attendees><attendee name=\"Ann O&amp;apos;Lee\" roledescription=\"Chair\" politicalparty=\"\" ward=\"East\"/></attendees></meeting>";
    let agenda = read_bytes(xml).expect("an agenda");
    let item = &agenda.items[0];
    assert_eq!((item.number.as_str(), item.title.as_str()), ("5a", "R&D – café plan"));
    assert!(item.restricted && item.level == 1);
    assert_eq!(item.documents.len(), 1);
    assert_eq!(agenda.warnings.len(), 2);
    let attendee = &agenda.attendees[0];
    assert_eq!((attendee.name.as_str(), attendee.role.as_deref()), ("Ann O'Lee", Some("Chair")));
    assert_eq!((attendee.party.as_deref(), attendee.ward.as_deref()), (None, Some("East")));
}

#[test]
fn broken_xml_names_its_line() {
    for (xml, line) in [
        ("<meeting>\n<agendaitems>\n</meeting>", 3),
        ("<meeting>\n<agendaitems>\n", 3),
        ("\n<getmeetings/>", 2),
        (&"<meeting>\n".repeat(40), 33),
    ] {
        match read_bytes(xml) {
            Err(AgendaError::BadXml { line: found, .. }) => assert_eq!(found, line, "{xml}"),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_bytes(bytes);
    }

    #[test]
    fn any_lines_are_read_or_refused(
        text in "(([0-9]{1,2}|[a-cA-Ci]{1,2}|[0-9][.a][0-9])[.)]? {0,9}|[a-z ]{1,9}|\\(| {1,9}|-|\n|\x0C|[0-9-]{8}  |é){0,60}"
    ) {
        if let Ok(agenda) = read_bytes(text) {
            prop_assert!(!agenda.items.is_empty());
        }
    }

    #[test]
    fn any_xml_is_read_or_refused(
        text in "<meeting>(</?(agendaitem|agendaitemtitle|linkeddoc|url|attendee name=\"a\")/?>|&(amp|lt|x);?|[a-z ]|<!--){0,40}(</meeting>)?"
    ) {
        let _ = read_bytes(text);
    }
}
