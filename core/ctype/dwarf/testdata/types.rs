// Rust: enums with data, generics, niches, tuples.
use std::collections::HashMap;

pub enum Shape { Circle(f64), Rect { w: u32, h: u32 }, Unit }
pub struct Point<T> { pub x: T, pub y: T }
pub struct Owner { pub name: String, pub shapes: Vec<Shape>, pub next: Option<Box<Owner>>, pub pair: (u8, i64) }
#[repr(u8)]
pub enum Level { Low = 1, High = 200 }

#[inline(never)]
pub fn area(s: &Shape) -> f64 {
    match s { Shape::Circle(r) => r * r * 3.0, Shape::Rect { w, h } => (*w * *h) as f64, Shape::Unit => 0.0 }
}

pub static GLOBAL: Point<i32> = Point { x: 1, y: 2 };

fn main() {
    let o = Owner { name: "o".into(), shapes: vec![Shape::Circle(1.0), Shape::Rect { w: 2, h: 3 }, Shape::Unit], next: None, pair: (1, -1) };
    let mut m: HashMap<String, u32> = HashMap::new();
    m.insert(o.name.clone(), 3);
    let l = if m.len() > 1 { Level::Low } else { Level::High };
    let total: f64 = o.shapes.iter().map(area).sum();
    println!("{} {} {} {} {}", total, GLOBAL.x + GLOBAL.y, l as u8, o.pair.0, o.next.is_none());
}
