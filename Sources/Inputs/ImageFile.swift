import Foundation
public enum ImageFile { public static func read(_ url: URL, height: Int, width: Int, channels: Int) throws -> [UInt8] { [] } }
