//! Tables of patterns, lines and times; test clock 2005-08-14 12:00 in central Europe.

use super::*;

const NOW: f64 = 1_124_013_600.0;
const ZONE: &str = "CET-01CEST-02,M3.5.0,M10.5.0";

fn detector(patterns: &str) -> DateDetector {
    DateDetector::from_patterns(Years::around(2026), LocalZone::named(ZONE), patterns)
        .unwrap_or_else(|e| panic!("{patterns}: {e}"))
}

/// Date text and time of a line.
fn date<'l>(detector: &mut DateDetector, line: &'l str) -> Option<(&'l str, Result<Stamp, TimeError>)> {
    let found = detector.find(line.as_bytes(), NOW).unwrap_or_else(|e| panic!("{line}: {e:?}"))?;
    Some((&line[found.span], found.time))
}

fn seconds(time: Result<Stamp, TimeError>) -> f64 {
    time.map(Stamp::seconds).unwrap_or(f64::NAN)
}

#[test]
fn default_templates_find_the_common_formats() {
    // text; date found (if another); can stand in the middle; a word may not touch it
    let table = [
        ("Jan 23 21:59:59", None, true, true),
        ("Sun Jan 23 21:59:59 2005", None, true, false),
        ("Sun Jan 23 21:59:59", None, true, false),
        ("Sun Jan 23 2005 21:59:59", None, true, false),
        ("2005/01/23 21:59:59", None, true, true),
        ("2005.01.23 21:59:59", None, true, true),
        ("23/01/2005 21:59:59", None, true, true),
        ("23/01/05 21:59:59", None, true, true),
        ("23/Jan/2005:21:59:59", None, true, true),
        ("23/Jan/2005:21:59:59 +0100", None, true, true),
        ("01/23/2005:21:59:59", None, true, true),
        ("2005-01-23 21:59:59", None, true, true),
        ("2005-01-23 21:59:59,000", None, true, true),
        ("23-Jan-2005 21:59:59", None, true, true),
        ("23-Jan-2005 21:59:59.02", None, true, true),
        ("23-Jan-2005 21:59:59 +0100", None, true, true),
        ("23-01-2005 21:59:59", None, true, true),
        ("1106513999", None, false, true),
        ("01-23-2005 21:59:59.252", None, true, true),
        ("@4000000041f4104f00000000", None, true, false),
        ("2005-01-23T20:59:59.252Z", None, true, true),
        ("2005-01-23T15:59:59-05:00", None, true, true),
        ("20050123T215959", None, true, true),
        ("20050123 215959", None, true, true),
        ("<01/23/05@21:59:59>", None, false, true),
        ("050123 21:59:59", None, true, true),
        ("Jan-23-05 21:59:59", None, false, true),
        ("Jan 23, 2005 9:59:59 PM", None, true, true),
        ("1106513999.000", None, false, true),
        ("[1106513999.000]", Some("1106513999.000"), false, true),
        ("audit(1106513999.000:987)", Some("1106513999.000"), true, true),
    ];
    let mut defaults = detector("");
    for (text, shown, anywhere, word_bound) in table {
        let expected = Some((shown.unwrap_or(text), 1_106_513_999.0));
        for (prefix, finds) in [("", true), ("bogus-prefix ", anywhere), ("word-boundary", false)] {
            if prefix == "word-boundary" && !word_bound {
                continue;
            }
            let line = format!("{prefix}{text}[sshd] error: PAM: Authentication failure");
            let found = date(&mut defaults, &line).map(|(text, time)| (text, seconds(time)));
            assert_eq!(found, expected.filter(|_| finds), "{line}");
        }
    }
    assert_eq!(date(&mut defaults, "no date line"), None);
}

#[test]
fn epoch_in_all_its_forms() {
    let mut short = detector("EPOCH");
    let mut long = detector("LEPOCH");
    for unix in [1_138_049_999_i64, 32_535_244_799] {
        for form in ["N", "[N]", "[N.555]", "audit(N.555:101)"] {
            let line = format!("{} [sshd] error", form.replace('N', &unix.to_string()));
            let (_, time) = date(&mut short, &line).unwrap();
            assert_eq!(seconds(time).floor(), unix as f64, "{line}");
        }
        for factor in [1, 1000, 1_000_000] {
            for form in ["N", "[N]", "audit(N:101)"] {
                let number = (unix * factor).to_string();
                let line = format!("{} [sshd] error", form.replace('N', &number));
                assert_eq!(date(&mut long, &line), Some((&*number, Ok(Stamp::Float(unix as f64)))), "{line}");
            }
        }
    }
    for number in ["123456789", "9999999999999999", "1138049999A", "A1138049999"] {
        for form in ["N", "[N]", "[N.555]", "audit(N.555:101)"] {
            assert_eq!(date(&mut short, &form.replace('N', number)), None);
        }
    }
    let mut inside = detector(r"(?<=\|\s){LEPOCH}(?=\s\|)");
    assert_eq!(
        date(&mut inside, "auth | 1138049999000 | x"),
        Some(("1138049999000", Ok(Stamp::Float(1_138_049_999.0))))
    );
    assert_eq!(date(&mut inside, "auth | 1138049999000x | x"), None);
    let mut audit = detector(r"^type=\S+ msg=audit\(({EPOCH})");
    let line = "type=USER_AUTH msg=audit(1106513999.000:987)";
    assert_eq!(date(&mut audit, line), Some(("1106513999.000", Ok(Stamp::Float(1_106_513_999.0)))));
}

#[test]
fn zone_of_the_line_wins_over_logtimezone() {
    let mut detector = detector("^%ExY-%Exm-%Exd %H:%M:%S(?: ?%Exz)?");
    // hours and minutes by which UTC differs from 2017-01-23 15:00
    let table = [
        (Some("UTC+0300"), "", -180),
        (Some("UTC"), "", 0),
        (Some("UTC-0430"), "", 270),
        (Some("GMT+12"), "", -720),
        (None, "", -60),
        (Some("CET"), "", -60),
        (Some("+0100"), "", -60),
        (Some("CEST-01"), "", -60),
        (Some("CEST"), "", -120),
        (Some("CET+01"), "", -120),
        (Some("CET+0130"), "", -150),
        (Some("UTC+0300"), " GMT", 0),
        (None, " GMT", 0),
        (Some("UTC"), " -1045", 645),
        (None, " -10:45", 645),
        (None, " +09:45", -585),
        (Some("UTC+0300"), " Z", 0),
        (Some("GMT+12"), " CEST", -120),
        (Some("GMT+12"), " CET+0130", -150),
    ];
    for (zone, suffix, minutes) in table {
        detector.set_default_tz(zone).unwrap();
        let line = format!("2017-01-23 15:00:00{suffix}");
        let (_, time) = date(&mut detector, &line).unwrap();
        assert_eq!(seconds(time), (1_485_183_600 + minutes * 60) as f64, "{zone:?} {line}");
    }
    let error = detector.set_default_tz(Some("WRONG-TZ")).unwrap_err();
    assert_eq!(error.to_string(), "Unknown or unsupported time zone: 'WRONG-TZ'");
    let error = detector.set_default_tz(Some("XYZ")).unwrap_err();
    assert_eq!(error, ZoneError::Name("XYZ".into()));
}

#[test]
fn bounds_of_patterns() {
    let table: &[(&str, &str, Option<&str>)] = &[
        ("", "Test failure Jan 23 21:59:59 for 192.0.2.1", Some("Jan 23 21:59:59")),
        ("", "Test failure TestJan 23 21:59:59.011 2015 for 192.0.2.1", None),
        ("", "Test failure Jan 23 21:59:59123456789 for 192.0.2.1", None),
        ("", "Aug 8 11:25:50 20030f2329b8 Authentication failed", Some("Aug 8 11:25:50")),
        ("", "[Aug 8 11:25:50] 20030f2329b8 Authentication failed", Some("Aug 8 11:25:50")),
        ("", "Aug 8 11:25:50 2014 20030f2329b8 Authentication failed", Some("Aug 8 11:25:50 2014")),
        (r"%H:%M:%S %d.%m.%Y$", "192.0.2.1 at 20:00:00 01.02.2003", Some("20:00:00 01.02.2003")),
        (r"\[%H:%M:%S %d.%m.%Y\]", "192.0.2.1[20:00:00 01.02.2003]", Some("[20:00:00 01.02.2003]")),
        (r"\[%H:%M:%S %d.%m.%Y\]", "[20:00:00 01.02.2003]192.0.2.1", Some("[20:00:00 01.02.2003]")),
        (r"\[%H:%M:%S %d.%m.%Y\]$", "192.0.2.1[20:00:00 01.02.2003]", Some("[20:00:00 01.02.2003]")),
        (r"^\[%H:%M:%S %d.%m.%Y\]", "[20:00:00 01.02.2003]192.0.2.1", Some("[20:00:00 01.02.2003]")),
        (r"^\[%d/%b/%Y %H:%M:%S\]", "[17/Jun/2011 17:00:45] Attempt", Some("[17/Jun/2011 17:00:45]")),
        (r"\[%d/%b/%Y %H:%M:%S\]", "Attempt [17/Jun/2011 17:00:45] IP", Some("[17/Jun/2011 17:00:45]")),
        (r"%H:%M:%S %d.%m.%Y", "192.0.2.1x20:00:00 01.02.2003", None),
        (r"%H:%M:%S %d.%m.%Y", "20:00:00 01.02.2003x192.0.2.1", None),
        (r"**%H:%M:%S %d.%m.%Y**", "192.0.2.1x20:00:00 01.02.2003", Some("20:00:00 01.02.2003")),
        (r"**%H:%M:%S %d.%m.%Y**", "20:00:00 01.02.2003x192.0.2.1", Some("20:00:00 01.02.2003")),
        (r"\**%H:%M:%S %d.%m.%Y\**", "test*20:00:00 01.02.2003*test", Some("*20:00:00 01.02.2003*")),
        (
            r"%ExY-%Exm-%Exd %ExH:%ExM:%ExS",
            "0000-12-30 00:00:00 - 2003-12-30 00:00:00",
            Some("2003-12-30 00:00:00"),
        ),
        ("", "0000-12-30 00:00:00 - 2003-12-30 00:00:00", Some("2003-12-30 00:00:00")),
        (r"%Y%m%d %H%M%S", "text:200333 010203 | date:20031230 010203", Some("200333 010203")),
        (r"%ExY%Exm%Exd %ExH%ExM%ExS", "text:200333 010203 | date:20031230 010203", Some("20031230 010203")),
        ("", "text:200333 010203 | date:20031230 010203", Some("20031230 010203")),
        ("%ExY%Exm%Exd %ExH%ExM%ExS", "00001230 010203 - 20030101 000000", Some("20030101 000000")),
        ("{^LN-BEG}%ExY%Exm%Exd %ExH%ExM%ExS", "00001230 010203 - 20030101 000000", None),
        ("{^LN-BEG}%ExY%Exm%Exd %ExH%ExM%ExS", "20031230 010203 - 20030101 000000", Some("20031230 010203")),
        ("{^LN-BEG}%ExY%Exm%Exd%ExH%ExM%ExS**", "2003123001020320030101000000", Some("20031230010203")),
        ("{^LN-BEG}%ExY%Exm%Exd%ExH%ExM%ExS**", "##2003123001020320030101000000", Some("20031230010203")),
        ("{^LN-BEG}%ExY%Exm%Exd%ExH%ExM%ExS", "[20031230010203]20030101000000", Some("20031230010203")),
        ("{^LN-BEG}time:%ExY%Exm%ExdT%ExH%ExM%ExS", "TIME:20050102T010203", None),
        ("(?iu)**time:%ExY%Exm%ExdT%ExH%ExM%ExS**", "XTIME:20050102T010203X", Some("TIME:20050102T010203")),
        (r"^%Y %b %d", "2005 JUN 03", Some("2005 JUN 03")),
    ];
    for (patterns, line, expected) in table {
        let found = date(&mut detector(patterns), line);
        assert_eq!(found.as_ref().map(|f| f.0), *expected, "{patterns} on {line}");
    }
    let found =
        date(&mut detector(r"%Y-%Exm-%Exd %ExH:%ExM:%ExS"), "0000-12-30 00:00:00 - 2003-12-30 00:00:00");
    assert_eq!(found, Some(("0000-12-30 00:00:00", Err(TimeError::Invalid))));
}

#[test]
fn times_of_patterns() {
    let zoned = "{^LN-BEG}%ExY-%Exm-%Exd %ExH:%ExM:%ExS";
    let table = [
        (format!("{zoned}(?: %z)?"), "[2003-12-30 01:02:03] server", 1_072_742_523.0),
        (format!("{zoned}(?: %Z)?"), "[2003-12-30 01:02:03] server", 1_072_742_523.0),
        (format!("{zoned}(?: %z)?"), "[2003-12-30 01:02:03 UTC] server", 1_072_746_123.0),
        (format!("{zoned}(?: %Z)?"), "[2003-12-30 01:02:03 UTC] server", 1_072_746_123.0),
        (format!("{zoned}(?: %z)?"), "[2003-12-30 01:02:03 +0000] server", 1_072_746_123.0),
        (format!("{zoned}(?: %Z)?"), "[2003-12-30 01:02:03 Z] server", 1_072_746_123.0),
        ("^%B %Exd %I:%ExM:%ExS**".into(), "January 23 12:59:59", 1_106_438_399.0),
        ("^%y %U %A %ExH:%ExM:%ExS**".into(), "01 11 Wednesday 21:59:59", 985_208_399.0),
        ("^%y %W %A %ExH:%ExM:%ExS**".into(), "01 11 Wednesday 21:59:59", 984_603_599.0),
        ("^%y %W %w %ExH:%ExM:%ExS**".into(), "01 11 0 21:59:59", 984_949_199.0),
        ("^%y %W %w %ExH:%ExM:%ExS**".into(), "01 11 6 21:59:59", 984_862_799.0),
        // no date: yesterday, today
        ("^%ExH:%ExM:%ExS**".into(), "21:59:59", 1_123_963_199.0),
        ("^%ExH:%ExM:%ExS**".into(), "00:00:01", 1_123_970_401.0),
        // no year: last year
        ("^%m/%d %ExH:%ExM:%ExS**".into(), "09/01 21:59:59", 1_094_068_799.0),
        ("^%Y-%m-%d**".into(), "2004-09-01", 1_093_989_600.0),
        ("^%Y-%m-%d%z**".into(), "2004-09-01Z", 1_093_996_800.0),
        ("^%y".into(), "99", 4_090_255_200.0),
    ];
    for (patterns, line, expected) in table {
        let (_, time) =
            date(&mut detector(&patterns), line).unwrap_or_else(|| panic!("{patterns} on {line}"));
        assert_eq!(seconds(time), expected, "{patterns} on {line}");
    }
}

#[test]
fn impossible_dates() {
    let mut defaults = detector("");
    // 2005 has no February 29, and upstream does not fall back to 2004
    for line in ["Feb 29 10:00:00 x", "Jan 23 24:00:00 x", "2005-02-30 10:00:00 x", "2005-01-01 10:00:60 x"] {
        assert_eq!(date(&mut defaults, line).map(|d| d.1), Some(Err(TimeError::Invalid)), "{line}");
    }
    let raised = |patterns: &str, line: &str| match date(&mut detector(patterns), line) {
        Some((_, Err(TimeError::Raised(e)))) => (e.class, e.message()),
        other => panic!("{other:?}"),
    };
    assert_eq!(raised("%Z %d %b", "QQQ 12 Jan"), ("KeyError", "'QQQ'".into()));
    assert_eq!(raised("%Y %b", "2005 Jan").0, "TypeError");
    assert_eq!(raised("%I:%M(?: %p)?", "10:12").0, "AttributeError");
}

#[test]
fn hour_skipped_and_hour_repeated_by_the_clock() {
    let find = |lines: &[&str]| {
        let mut detector = DateDetector::from_patterns(
            Years::around(2026),
            LocalZone::named("Europe/Berlin"),
            "^%Y-%m-%d %H:%M:%S",
        )
        .unwrap();
        lines.iter().map(|line| seconds(date(&mut detector, line).unwrap().1)).collect::<Vec<_>>()
    };
    // 02:30 does not exist on this day
    assert_eq!(find(&["2021-03-28 02:30:00"]), [1_616_895_000.0]);
    // 02:30 comes twice; the first (summer) time only after other summer times
    assert_eq!(find(&["2021-10-31 02:30:00"]), [1_635_643_800.0]);
    assert_eq!(find(&["2021-10-31 01:30:00", "2021-10-31 02:30:00"])[1], 1_635_640_200.0);
    assert_eq!(find(&["2021-07-01 01:30:00", "2021-10-31 02:30:00"])[1], 1_635_640_200.0);
}

#[test]
fn the_right_one_of_several_dates() {
    let mut defaults = detector("");
    let table = [
        ("030324  0:03:59", "some free text 030324  0:03:59 -- 2003-03-07 17:05:01 ...", 1),
        ("2003-03-07 17:05:01", "some free text 2003-03-07 17:05:01 test ...", 15),
        (
            "030324  0:04:00",
            "server mysqld[1000]: 030324  0:04:00 [Warning] Access denied foreign-input text 2003-03-07 17:05:01 test",
            10,
        ),
        (
            "Sep 16 21:30:26",
            "server mysqld[1020]: Sep 16 21:30:26 server mysqld: 030916 21:30:26 [Warning] Access denied",
            15,
        ),
        ("2005-10-07 06:09:42", "server mysqld[5906]: 2005-10-07 06:09:42 5907 [Warning] Access denied", 20),
        (
            "2005-10-08T15:26:18.237955",
            "server mysqld[5906]: 2005-10-08T15:26:18.237955 6 [Note] Access denied",
            20,
        ),
        ("051009 10:05:30", "server mysqld[1000]: 051009 10:05:30 [Warning] Access denied ...", 50),
    ];
    for (expected, line, times) in table {
        for _ in 0..times {
            assert_eq!(date(&mut defaults, line).map(|d| d.0), Some(expected));
        }
    }
    assert_eq!(defaults.templates().iter().map(|e| e.hits).sum::<u64>(), 131);
    // day and month stay what they were in unambiguous lines of the same log
    let mut defaults = detector("");
    let noon = |detector: &mut DateDetector, line: &str| seconds(date(detector, line).unwrap().1);
    let unix = noon(&mut defaults, "2012/10/11 02:37:17 [error]");
    for _ in 0..10 {
        assert_eq!(noon(&mut defaults, "11/10/2012 02:37:17 [error]"), unix);
    }
    assert_eq!(noon(&mut defaults, "2012/10/11 02:37:17 [error]"), unix);
}

#[test]
fn digits_that_move_the_bounds() {
    for pattern in ["%H:%M:%S", "{UNB}%H:%M:%S"] {
        let mut detector = detector(pattern);
        for form in ["N test", "  N test", "test N", "test   N"] {
            for time in ["00:01:02", "00:01:2", "00:1:2", "0:1:2", "00:1:2", "00:01:2", "00:01:02", "0:1:2"] {
                let line = form.replace('N', time);
                assert_eq!(
                    date(&mut detector, &line),
                    Some((time, Ok(Stamp::Float(1_123_970_462.0)))),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn keywords() {
    let count = |patterns: &str| detector(patterns).templates().len();
    assert_eq!(
        (count("{^LN-BEG}"), count("{DEFAULT}"), count(r"^\[{DATE}\]"), count("{NONE}")),
        (17, 0, 17, 1)
    );
    assert_eq!(count("%Y\n\n  %y  "), 2);
    let mut defaults = detector("{default}");
    assert_eq!(defaults.pattern(), (None, "Default Detectors"));
    assert!(date(&mut defaults, "Jan 23 21:59:59").is_some());
    assert_eq!(defaults.templates().len(), 31);
    assert_eq!(
        defaults.take_messages(),
        ["  default filtered date pattern: 0 template(s)", "  default date pattern: 31 template(s)"]
    );
    assert_eq!(date(&mut detector("{NONE}"), "anything").map(|d| d.0), Some(""));
    let none = detector("{NONE}").find(b"", NOW).unwrap_err();
    assert_eq!((none.class, none.message()), ("IndexError", "string index out of range".into()));
    let one = detector("%Exd/%b");
    assert_eq!(one.pattern(), (Some("%Exd/%b"), "ExDay/MON"));
    assert_eq!(detector("epoch").pattern(), (None, "Epoch"));
}

#[test]
fn bad_patterns() {
    let error = |patterns: &str| {
        let new = DateDetector::from_patterns(Years::around(2026), LocalZone::named("UTC"), patterns);
        new.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let format = |pattern: &str, reason: &str| {
        let hint = "may be an invalid format or unescaped percent char";
        format!("Failed to set datepattern '{pattern}' ({hint}): {reason}")
    };
    assert_eq!(error("%Y\n%y\n%Y"), "There is already a template with name Year");
    assert_eq!(error("a %q"), format("a %q", "unsupported format character 'q' (0x71) at index 3"));
    assert_eq!(error("%Y%q"), format("%Y%q", "unsupported format character 'q' (0x71) at index 6"));
    assert_eq!(error("%"), format("%", "incomplete format"));
    assert_eq!(error("{UNB}%(foo)s"), format("%(foo)s", "'foo'"));
    assert_eq!(error("%-d"), format("%-d", "%d format: a real number is required, not dict"));
    // like upstream, a broken regex shows with the first line
    let broken = detector("(%ExY%Exm").find(b"(200501", NOW).unwrap_err();
    assert_eq!((broken.module, broken.class), ("re", "error"));
}

#[test]
fn years_around() {
    let regex = |year: i32| {
        let detector = DateDetector::from_patterns(Years::around(year), LocalZone::named("UTC"), "%ExY");
        detector.unwrap().templates()[0].template.regex.clone()
    };
    assert!(regex(2026).contains(r"(?P<Y>20[012]\d)"));
    assert!(regex(2027).contains(r"(?P<Y>20[0123]\d)"));
    assert!(regex(2097).contains(r"(?P<Y>2(?:00|01|02|03|04|05|06|07|08|09|10)\d)"));
}

/// Lines around dates of every default format, also broken ones.
fn sample_lines() -> Vec<String> {
    let dates = [
        "2005-01-23T21:59:59.981746+01:00",
        "2005/1/3  8:59:5,5 Z",
        "2005.01.23 21:59:59   UTC",
        "Sun Jan 23 21:59:59.011 2005",
        "jan  3 1:59:59 2099",
        "JAN 31 29:00:61",
        "Sun Jan 23 2005  1:59:59.011",
        "23/01/05 21:59:59",
        "31/Oct/2006:09:22:55 -0000",
        "31-Oct/2006 09:22:55",
        "05/20/2008:01:57:39",
        "01-27-2012  6:22:44.252",
        "12:34:56",
        "<09/16/08@05:03:30>",
        "130322  11:46:11",
        "Jan 23, 2005 9:59:59 PM",
        "Apr-27-13 02:33:06",
        "20050123T215959",
        "20050123-21:59:59.5 +0200",
        "PDT Apr 16 21:05:29",
        "+00:00 Jan 23 21:59:59.011 2005",
        "@4000000041f4104f00000000",
        "1106513999.123",
    ];
    let mut lines = vec![String::new()];
    for date in dates {
        for before in ["", "[", "<<<", "a", "9 ", "host x[12]: ", "\u{e9} ", "10.0.0.1 - - ["] {
            for after in [
                "",
                " sshd[1]: x",
                "]",
                "x",
                "7",
                " 2014 b",
                "\u{e9}",
                ".5 Z -",
                "\n",
                " 12:00:00 Jan 2 03:04:05",
            ] {
                lines.push(format!("{before}{date}{after}"));
            }
        }
    }
    let cut = lines.clone().into_iter().enumerate().map(|(i, line)| line.chars().skip(i % 7 + 1).collect());
    lines.extend(cut.collect::<Vec<String>>());
    lines
}

#[test]
fn the_quick_matcher_gives_what_the_regex_gives() {
    let patterns = [
        "{^LN-BEG}\n{DATE}",
        r"^[^\[]*\[({DATE})",
        r"**%Y-?%m-?%d**",
        r"(?:%a|x+) ?%b{1,2}?",
        r"[^a-z\]-]\d+? ?%H(?::%M)?$",
        r".{0,5}\b%S\b\s*\S*[\d\s]*$",
    ];
    let lines: Vec<String> = sample_lines().into_iter().step_by(7).collect();
    let (mut quick, mut unknown) = (0, 0);
    for pattern in patterns {
        let entries: Vec<_> =
            pattern.split('\n').flat_map(|p| detector(p).templates().to_vec()).map(|e| e.template).collect();
        for template in entries {
            let compiled = template.compiled().unwrap();
            let Some(direct) = &compiled.direct else { continue };
            let mut caps = crate::pattern::Captures::new();
            let mut scratch = direct::Scratch::default();
            for line in &lines {
                let (start, end) = (line.len() / 9, line.len() - line.len() / 11);
                for range in [0..line.len(), start..end] {
                    let (Some(text), true) = (line.get(..range.end), line.is_char_boundary(range.start))
                    else {
                        continue;
                    };
                    let expected = compiled.regex.search(text.as_bytes(), range.start, &mut caps).unwrap();
                    match direct.search(text.as_bytes(), range.start, &mut scratch) {
                        direct::Answer::Unknown => unknown += 1,
                        direct::Answer::None => assert!(!expected, "{} on {text:?}", template.regex),
                        direct::Answer::Match { reach } => {
                            assert!(expected && reach <= text.len(), "{} on {text:?}", template.regex);
                            for group in 0..=compiled.regex.group_count() {
                                let (ours, theirs) = (scratch.group(group), caps.get(group));
                                assert_eq!(ours, theirs, "group {group} of {} on {text:?}", template.regex);
                            }
                            quick += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(quick > 2000 && unknown < 2 * quick, "{quick} {unknown}");
}

#[test]
fn a_remembered_date_is_the_date() {
    // a detector that remembers, against one made to forget after each line
    for patterns in ["", "{^LN-BEG}", r"^[^\[]*\[({DATE})", "%H:%M:%S", "{NONE}"] {
        let mut remembers = detector(patterns);
        let mut forgets = detector(patterns);
        for (i, line) in sample_lines().iter().step_by(3).enumerate() {
            for tail in ["", " x", "1", " 2005", "\u{e9}"] {
                let line = format!("{line}{tail}");
                let now = NOW + (i / 10) as f64 * 40_000.0;
                for _ in 0..2 {
                    forgets.set_default_tz(None).unwrap();
                    let found = [&mut remembers, &mut forgets].map(|d| d.find(line.as_bytes(), now));
                    assert_eq!(found[0], found[1], "{patterns} on {line:?}");
                }
            }
        }
        let hits = |d: &DateDetector| {
            d.templates().iter().map(|e| (e.template.name.clone(), e.hits)).collect::<Vec<_>>()
        };
        assert_eq!(hits(&remembers), hits(&forgets));
    }
}

#[test]
fn a_followed_date_is_the_date() {
    let starts = [
        "2005-01-23T21:59:59.981746+01:00 x",
        "2005/01/23 21:59:59 x",
        "2005.01.23  21:59:59,5 Z x",
        "Jan 23 21:59:59 x",
        "Jan  3  1:59:59 x",
        "Sun Jan 23 21:59:59.011 2005 x",
        "Sun Jan 23 2005 21:59:59.011 x",
        "[23/Jan/2005:21:59:59 +0100] x",
        "23-Jan-2005 21:59:59",
    ];
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let mut dates = 0;
    for start in starts {
        let (mut remembers, mut forgets) = (detector(""), detector(""));
        let mut line = start.to_owned();
        for i in 0..1500 {
            let digits: Vec<usize> =
                line.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
            for _ in 0..=random(2) {
                let at = digits[random(digits.len() as u64) as usize];
                line.replace_range(at..=at, &random(10).to_string());
            }
            let now = NOW + (i / 10) as f64 * 40_000.0;
            forgets.set_default_tz(None).unwrap();
            let found = [&mut remembers, &mut forgets].map(|d| d.find(line.as_bytes(), now).unwrap());
            assert_eq!(found[0], found[1], "{line:?}");
            if found[0].as_ref().is_none_or(|found| found.time.is_err()) || random(20) == 0 {
                line = start.to_owned();
            } else {
                dates += 1;
            }
        }
        let hits = |d: &DateDetector| {
            d.templates().iter().map(|e| (e.template.name.clone(), e.hits)).collect::<Vec<_>>()
        };
        assert_eq!(hits(&remembers), hits(&forgets));
    }
    assert!(dates > 5000, "{dates}");
}
