/// The version of this software.
public enum ThimbleVersion {
    public static let text = "1.0.0"
}
