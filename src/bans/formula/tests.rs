use super::{BanTimeIncrement, Formula, Number, Variables};

const VARIABLES: Variables = Variables { time: Number::Int(600), count: 3, factor: Number::Float(1.33) };

fn eval(text: &str) -> String {
    match Formula::parse(text).and_then(|formula| formula.eval(&VARIABLES, &mut || 0.25)) {
        Ok(number) => number.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

/// Right sides: what Python 3.11 prints.
#[test]
fn values_are_pythons() {
    let cases = [
        ("ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor", "6384.0"),
        ("ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)", "32432.933617995957"),
        ("2.0 / 2.885385", "0.6931484013398559"),
        ("7 // 2, ", "error: invalid syntax at ','"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7 % -3", "-2"),
        ("-7.5 // 2", "-4.0"),
        ("-7.5 % 2", "0.5"),
        ("7 / 2", "3.5"),
        ("-2 ** 2", "-4"),
        ("2 ** -1", "0.5"),
        ("2 ** 3 ** 2", "512"),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("1 + 2 * 3 << 1", "14"),
        ("1 < 2 < 3", "1"),
        ("1 < 3 < 2", "0"),
        ("0 or 5", "5"),
        ("3 and 0.0 and 7", "0.0"),
        ("not 1 == 2", "1"),
        ("1 if 0 else 2 if 0 else 3", "3"),
        ("round(2.5)", "2"),
        ("round(2.675, 2)", "2.67"),
        ("int(-3.9) + int(3.9)", "0"),
        ("max(1, 1.0)", "1"),
        ("min(2.0, 2, 3)", "2.0"),
        ("abs(-3) + pow(2, 3) + math.floor(2.7) + math.ceil(2.1)", "16"),
        ("math.log(8, 2)", "3.0"),
        ("random.random() * 4", "1.0"),
        ("0x1F + 0b11 + 1_000 + .5 + 1e3", "2034.5"),
        ("600 # ten minutes", "600"),
        ("( 1 +\n 2 )", "3"),
        ("-5 >> 1", "-3"),
        ("1 >> 500", "0"),
        ("ban . Time", "600"),
    ];
    for (text, value) in cases {
        assert_eq!(eval(text), value, "{text}");
    }
}

#[test]
fn what_is_not_arithmetic_is_refused() {
    let deep = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    let long = "1+".repeat(5000);
    let cases = [
        ("__import__('os').system('id')", "error: invalid character ''' in expression"),
        ("os.system(1)", "error: function 'os.system' is not supported in this expression"),
        ("ban.__class__", "error: name 'ban.__class__' is not supported in this expression"),
        ("ban", "error: name 'ban' is not supported in this expression"),
        ("lambda: 1", "error: invalid character ':' in expression"),
        ("1 if 2", "error: expected 'else' after 'if' expression"),
        ("", "error: invalid syntax: the expression ends too early"),
        ("1 2", "error: invalid syntax at '2'"),
        ("012", "error: invalid number '012'"),
        ("1j", "error: invalid number '1j'"),
        ("1/0", "error: division by zero"),
        ("1.5 << 1", "error: unsupported operand type(s) for <<: both must be integers"),
        ("1 << -1", "error: negative shift count"),
        ("10.0 ** 400", "error: numerical result out of range"),
        ("1 << 100000", "error: numerical result out of range"),
        ("math.sqrt(-1)", "error: math domain error"),
        ("math.exp(1000)", "error: numerical result out of range"),
        ("max(1)", "error: wrong number of arguments for 'max'"),
        (&deep, "error: expression is nested too deeply"),
        (&long, "error: expression is longer than 4096 characters"),
    ];
    for (text, error) in cases {
        assert_eq!(eval(text), error, "{text}");
    }
}

#[test]
fn long_chains_need_no_stack() {
    let sum = format!("1{}", "+1".repeat(2000));
    assert_eq!(eval(&sum), "2001");
}

/// The times that the comments of upstream's jail.conf promise for these settings.
#[test]
fn ban_times_grow() {
    let next = |increment: &BanTimeIncrement, count| {
        increment.next(Number::Int(600), count, &mut || 0.5).map(|time| time.to_string())
    };
    let mut increment = BanTimeIncrement::default();
    assert_eq!(next(&increment, 1), Ok("1200".into()));
    assert_eq!(next(&increment, 99), Ok((600i64 << 20).to_string()));
    increment.set_maxtime(Some(Number::Int(3600)));
    assert_eq!(next(&increment, 5), Ok("3600".into()));
    increment.set_rndtime(Some(Number::Int(60)));
    assert_eq!(next(&increment, 5), Ok("3630.0".into()));
    increment.set_rndtime(None);
    increment.set_multipliers(Some("1 5 30 60")).unwrap();
    assert_eq!(next(&increment, 1), Ok("3000".into()));
    increment.set_maxtime(None);
    assert_eq!(next(&increment, 9), Ok("36000".into()));
    increment.set_factor(Some("0.5"), &mut || 0.0).unwrap();
    assert_eq!(next(&increment, 2), Ok("9000.0".into()));
    increment.set_multipliers(None).unwrap();
    assert_eq!(
        next(&increment, 1),
        Ok("600".into()),
        "never less than the ban time, and the first of equals"
    );
    increment.set_formula(Some("ban.Time * banFactor + 1000")).unwrap();
    assert_eq!(next(&increment, 1), Ok("1300.0".into()));
    assert!(increment.set_multipliers(Some("1  2")).is_err());
    assert!(increment.set_factor(Some("ban.Time"), &mut || 0.0).is_err());
    assert!(increment.set_formula(Some("1 +")).is_err());
    assert_eq!(next(&increment, 1), Ok("1300.0".into()), "a refused option changes nothing");
}
