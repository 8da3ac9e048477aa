mod keep;
mod set;
