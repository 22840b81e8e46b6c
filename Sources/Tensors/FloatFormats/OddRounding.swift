extension Float {
    /// `value` rounded so that rounding the result once more, to a float type of at most 22 bits of mantissa, is the same as
    /// rounding `value` directly: what is not exact gets an odd last bit (Boldo and Melquiond, "Emulation of a FMA").
    package init(roundingToOdd value: Double) {
        let nearest = Float(value), back = Double(nearest)
        if back == value || value.isNaN || nearest.bitPattern & 1 == 1 && nearest.isFinite {
            self = nearest
        } else {
            self = back > value ? nearest.nextDown : nearest.nextUp
        }
    }
}
