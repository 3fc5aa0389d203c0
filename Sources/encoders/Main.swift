import ArgumentParser

@main
struct EncodersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "encoders", abstract: "Train, evaluate and use neural encoders.")
}
