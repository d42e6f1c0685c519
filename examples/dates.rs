use ferroban::date::*;
use serde_json::{Value, json};
fn main() {
    for line in std::io::stdin().lines() {
        let job: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let zone = LocalZone::named(job["zone"].as_str().unwrap());
        let years = Years::around(job["year"].as_i64().unwrap() as i32);
        let now = job["now"].as_f64().unwrap();
        let mut d = DateDetector::new(years, zone);
        let mut out = vec![];
        for p in job["patterns"].as_array().unwrap() {
            if let Err(e) = d.append_template(p.as_str().unwrap()) { out.push(json!(["error", e.to_string()])); }
        }
        if let Err(e) = d.set_default_tz(job["tz"].as_str()) { out.push(json!(["tz", e.to_string()])); }
        for l in job["lines"].as_array().unwrap() {
            let l = l.as_str().unwrap();
            out.push(match d.find(l.as_bytes(), now) {
                Err(e) => json!(["raise", e.class]),
                Ok(None) => json!(["none"]),
                Ok(Some(f)) => {
                    let time = match f.time {
                        Ok(Stamp::Int(n)) => json!(n),
                        Ok(Stamp::Float(x)) => json!(x),
                        Err(TimeError::Invalid) => json!("invalid"),
                        Err(TimeError::Raised(e)) => json!(e.class),
                    };
                    let t = &d.templates()[f.template];
                    json!([l[..f.span.start], l[f.span.clone()], l[f.whole.clone()], t.template.name, t.hits, time])
                }
            });
        }
        let t: Vec<_> = d.templates().iter().map(|e| json!([e.template.name, e.template.pattern, e.template.regex, e.hits])).collect();
        println!("{}", json!({"out": out, "templates": t, "pattern": [d.pattern().0, d.pattern().1]}));
    }
}
